"""Adapters of `dfd.ports.FaceDetector`."""
