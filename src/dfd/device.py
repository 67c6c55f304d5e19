"""What networks are computed on."""

from enum import StrEnum


class Device(StrEnum):
    """The processor, or a graphics card."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"
