"""The card's pictures as files that stand alone."""

from collections.abc import Sequence

import cv2
import numpy as np

from dfd.evaluation.markup import words
from dfd.types import ImageU8
from dfd_train.card.failures import Answer

_TILE_PX = 128
_LEVELS = 64
_TEXT_PX = 32  # below each tile: two lines
_GAP_PX = 6
_LEFT_PX = 104
_TOP_PX = 22
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_BLACK, _GREY, _RED = (0, 0, 0), (90, 90, 90), (190, 0, 0)
_STYLE = (
    "text{font-family:system-ui,sans-serif;fill:#444}.tick{font-size:11px}.axis{font-size:12px}"
    ".grid{stroke:#d9dee3}.chance,.reference{fill:none;stroke:#59636e;stroke-dasharray:4 3}"
    ".curve,.interval{fill:none;stroke:#1f6fb5;stroke-width:2}.interval{opacity:.6}.value{fill:#1f6fb5}"
)


def standalone(plot: str) -> str:
    """A plot of `dfd.evaluation.charts` as an SVG file: with its namespace and colours, on white.

    A page shows such a file as a picture, which takes no style from the page.
    """
    head, _, rest = plot.partition(">")
    named = head.replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"', 1)
    return f'{named}><style>{_STYLE}</style><rect width="100%" height="100%" fill="#fff"/>{rest}\n'


def failure_sheet(answers: Sequence[Answer]) -> ImageU8:
    """One row for each damage and one column for each clip, ``(H, W, 3) uint8`` RGB on white.

    Under each picture stand probability and verdict, in red where the verdict is wrong, and the first reason.

    Args:
        answers: of `dfd_train.card.failures.show_failures`, at least one.
    """
    damages = list(dict.fromkeys(answer.damage for answer in answers))
    clips = list(dict.fromkeys(answer.clip for answer in answers))
    across, down = _TILE_PX + _GAP_PX, _TILE_PX + _TEXT_PX + _GAP_PX
    sheet = np.full((_TOP_PX + len(damages) * down, _LEFT_PX + len(clips) * across, 3), 255, np.uint8)
    for column, clip in enumerate(clips):
        _write(sheet, words(clip), (_LEFT_PX + column * across, 15), _BLACK)
    for row, damage in enumerate(damages):
        _write(sheet, damage, (4, _TOP_PX + row * down + _TILE_PX // 2), _BLACK)
    for answer in answers:
        left = _LEFT_PX + clips.index(answer.clip) * across
        top = _TOP_PX + damages.index(answer.damage) * down
        sheet[top : top + _TILE_PX, left : left + _TILE_PX] = _tile(answer.picture)
        _write(sheet, answer.says, (left, top + _TILE_PX + 13), _RED if answer.is_wrong else _BLACK)
        if answer.reasons:
            more = ", ..." if len(answer.reasons) > 1 else ""
            _write(sheet, words(answer.reasons[0]) + more, (left, top + _TILE_PX + 27), _GREY)
    return sheet


def png(image: ImageU8) -> bytes:
    """An ``(H, W, 3) uint8`` RGB image as a PNG file, as small as it gets."""
    _, data = cv2.imencode(".png", np.ascontiguousarray(image[..., ::-1]), (cv2.IMWRITE_PNG_COMPRESSION, 9))
    return data.tobytes()


def _tile(picture: ImageU8) -> ImageU8:
    """The picture at the size of a tile; what is smaller is enlarged pixel by pixel, so that its coarseness shows.

    It keeps 64 levels a channel, which look the same and make the file a third smaller.
    """
    shrinks = min(picture.shape[:2]) >= _TILE_PX
    scaled = cv2.resize(picture, (_TILE_PX, _TILE_PX), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_NEAREST)
    step = 256 // _LEVELS
    return np.asarray(scaled // step * step + step // 2, dtype=np.uint8)


def _write(sheet: ImageU8, text: str, place_px: tuple[int, int], colour: tuple[int, int, int]) -> None:
    cv2.putText(sheet, text, place_px, _FONT, 0.4, colour, 1, cv2.LINE_AA)
