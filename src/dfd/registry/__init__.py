"""Where models are kept, and how they are checked before use."""
