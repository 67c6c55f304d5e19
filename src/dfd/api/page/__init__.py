"""The page that people use: rendered here, brought to life by small modules in the browser, loading nothing else."""
