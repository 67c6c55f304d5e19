"""Pictures that need not be made as a whole.

A sampled frame is looked at as a whole, to find faces; of the frame that follows it only the faces are wanted. A
`Picture` is asked for just that, so that whoever holds decoded planes converts no more than is used.
"""

from abc import ABC, abstractmethod

import numpy as np
import numpy.typing as npt

ImageU8 = npt.NDArray[np.uint8]
"""RGB image, ``(H, W, 3)``, values 0 to 255."""


class Picture(ABC):
    """An upright RGB picture. For one thread at a time."""

    @property
    @abstractmethod
    def size_px(self) -> tuple[int, int]:
        """Width and height."""

    @property
    @abstractmethod
    def image(self) -> ImageU8:
        """The whole picture, ``(H, W, 3) uint8``; not to be written to."""

    @abstractmethod
    def part(self, left: int, top: int, right: int, bottom: int) -> ImageU8:
        """``image[top:bottom, left:right]``, bit for bit; not to be written to.

        Args:
            left: of a rectangle that lies inside the picture and is not empty, as the others.
            top: its first row.
            right: the column behind its last.
            bottom: the row behind its last.
        """


class ArrayPicture(Picture):
    """A picture that is there already."""

    def __init__(self, image: ImageU8) -> None:
        """Hold an image.

        Raises:
            ValueError: it is not ``(H, W, 3) uint8``.
        """
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
            raise ValueError(f"a picture is (H, W, 3) uint8, got {image.shape} {image.dtype}")
        self._image = image

    @property
    def size_px(self) -> tuple[int, int]:
        return self._image.shape[1], self._image.shape[0]

    @property
    def image(self) -> ImageU8:
        return self._image

    def part(self, left: int, top: int, right: int, bottom: int) -> ImageU8:
        return self._image[top:bottom, left:right]


def as_picture(image: ImageU8 | Picture) -> Picture:
    """The picture itself, or one that holds an image."""
    return image if isinstance(image, Picture) else ArrayPicture(image)
