"""Pictures of faces and of the evidence in them, for people.

Evidence for *fake* is orange, for *real* blue, and the stronger it is the less of the face shows through. The two hues
are told apart with every common form of colour blindness (Brewer's diverging *PuOr* and *RdBu*, ends), and the legend
names them in words.
"""

from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from dfd.types import FloatArray, ImageU8

FAKE_RGB: Final = (230, 97, 1)
REAL_RGB: Final = (33, 102, 172)

_MOST_COVER: Final = 0.75  # share of the strongest colour, so that the face is seen below it
_LEGEND_PX: Final = 96
_BAR_PX: Final = 20
_INK: Final = (32, 32, 32)


def coloured(heat: FloatArray) -> tuple[ImageU8, FloatArray]:
    """Colour and cover of a map.

    Args:
        heat: ``(H, W) float32`` in [-1, 1] (`dfd.explanation.heat.HeatMapper`).

    Returns:
        ``(H, W, 3) uint8`` RGB, and ``(H, W) float32`` in [0, 1]: how much of it covers what lies below.
    """
    ends = np.where(heat[..., None] >= 0, np.array(FAKE_RGB), np.array(REAL_RGB))
    return ends.astype(np.uint8), np.asarray(np.clip(np.abs(heat), 0, 1) * _MOST_COVER, np.float32)


def overlaid(face: ImageU8, heat: FloatArray) -> ImageU8:
    """A map over its face, both ``(H, W)``; ``(H, W, 3) uint8``."""
    colour, cover = coloured(heat)
    mixed = face * (1 - cover[..., None]) + colour * cover[..., None]
    return np.asarray(np.round(mixed), np.uint8)


def overlay(face: ImageU8, heat: FloatArray) -> ImageU8:
    """A map, of any size, over a picture of its face, ``(H, H, 3) uint8``."""
    return overlaid(face, _enlarged(heat, face.shape[0]))


def sheet(face: ImageU8, heat: FloatArray, side_px: int = 320) -> ImageU8:
    """Face, map over the face and legend beside each other.

    Args:
        face: ``(S, S, 3) uint8``.
        heat: ``(S, S) float32`` in [-1, 1].
        side_px: side of either picture.

    Returns:
        ``(side, 2 * side + legend, 3) uint8``.
    """
    large = resized(face, side_px)
    return np.concatenate([large, overlaid(large, _enlarged(heat, side_px)), _legend(side_px)], axis=1)


def layer(heat: FloatArray, side_px: int) -> ImageU8:
    """A map to be laid over a picture of the face: ``(side, side, 4) uint8``, RGB and opacity."""
    colour, cover = coloured(_enlarged(heat, side_px))
    return np.dstack([colour, np.round(cover * 255).astype(np.uint8)])


def layer_of_frame(
    heat: FloatArray, to_frame: npt.NDArray[np.float64], size_px: tuple[int, int], longest_px: int
) -> ImageU8:
    """A map to be laid over the whole frame that its face is in.

    Args:
        heat: ``(S, S) float32`` in [-1, 1].
        to_frame: ``(2, 3)``, from pixel centres of the map to those of the frame (`dfd.cropping.crop_to_image`).
        size_px: width and height of the frame.
        longest_px: longer side of the picture, if the frame has as much.

    Returns:
        ``(H, W, 4) uint8``, RGB and opacity, of the frame's shape; clear where the model did not look.
    """
    scale = min(1.0, longest_px / max(size_px))
    width, height = (max(1, round(side * scale)) for side in size_px)
    to_picture = to_frame * scale
    to_picture[:, 2] += (scale - 1) / 2
    placed = cv2.warpAffine(heat, to_picture, (width, height), flags=cv2.INTER_LINEAR, borderValue=0)
    colour, cover = coloured(np.asarray(placed, np.float32))
    return np.dstack([colour, np.round(cover * 255).astype(np.uint8)])


def resized(picture: ImageU8, side_px: int) -> ImageU8:
    """A square picture at another size."""
    smaller = picture.shape[0] > side_px
    interpolation = cv2.INTER_AREA if smaller else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, (side_px, side_px), interpolation=interpolation), np.uint8)


def png(picture: ImageU8) -> bytes:
    """The bytes of a PNG file of ``(H, W, 3)`` RGB or ``(H, W, 4)`` RGB with opacity."""
    code = cv2.COLOR_RGBA2BGRA if picture.shape[2] == 4 else cv2.COLOR_RGB2BGR
    return _encoded(".png", cv2.cvtColor(picture, code), [])


def jpeg(picture: ImageU8, quality: int = 90) -> bytes:
    """The bytes of a JPEG file of ``(H, W, 3)`` RGB."""
    return _encoded(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])


def _enlarged(heat: FloatArray, side_px: int) -> FloatArray:
    return np.asarray(cv2.resize(heat, (side_px, side_px), interpolation=cv2.INTER_LINEAR), np.float32)


def _encoded(suffix: str, picture: cv2.typing.MatLike, options: list[int]) -> bytes:
    done, content = cv2.imencode(suffix, picture, options)
    if not done:
        raise RuntimeError(f"OpenCV cannot write {suffix}")
    return content.tobytes()


def _legend(height_px: int) -> ImageU8:
    """A bar from fake to real, with words."""
    legend = np.full((height_px, _LEGEND_PX, 3), 255, np.uint8)
    edge = 24
    values = np.linspace(1, -1, height_px - 2 * edge, dtype=np.float32)
    bar = np.repeat(values[:, None], _BAR_PX, axis=1)
    legend[edge : height_px - edge, 10 : 10 + _BAR_PX] = overlaid(np.full((*bar.shape, 3), 255, np.uint8), bar)
    for word, row in (("fake", edge + 10), ("nothing", height_px // 2 + 4), ("real", height_px - edge - 2)):
        cv2.putText(legend, word, (16 + _BAR_PX, row), cv2.FONT_HERSHEY_SIMPLEX, 0.42, _INK, 1, cv2.LINE_AA)
    return legend
