"""Where models are kept, how they are checked before use, and which version answers."""
