"""DFD finds and follows every face in a video and answers: fake, real or inconclusive, and why."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("dfd")
except PackageNotFoundError:  # run from a source tree that is not installed
    __version__ = "0.0.0"
