"""Training, evaluation and export of DFD's models. Serving never imports it."""
