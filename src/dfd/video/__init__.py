"""Adapters of the video port: PyAV."""
