"""Files of jobs: in a folder of this machine, or in any storage that speaks S3."""
