"""The numbers of a forge."""

from dataclasses import dataclass

from dfd.errors import ConfigurationError
from dfd_train.forge.pictures import FORGED_PX


@dataclass(frozen=True, slots=True)
class ForgeSettings:
    """How the forge's networks are trained.

    Attributes:
        size_px: side of the deepfakes' aligned faces, a multiple of 16.
        steps: training steps of each network that all people share; a person's decoder gets a quarter.
        people: how many people get a decoder, those with the most frames first.
        min_frames: frames below which a person gets none.
        seed: of weights, order and forgeries.

    Raises:
        ConfigurationError: a size that the networks cannot have.
    """

    size_px: int = 64
    steps: int = 1500
    people: int = 12
    min_frames: int = 10
    seed: int = 1

    def __post_init__(self) -> None:
        if self.size_px % 16 or not 0 < self.size_px <= FORGED_PX:
            raise ConfigurationError(f"faces of {self.size_px} px do not fit: take a multiple of 16 up to {FORGED_PX}")
