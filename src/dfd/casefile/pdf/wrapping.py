"""Breaking text into lines."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dfd.casefile.pdf.fonts import Face


@dataclass(frozen=True, slots=True)
class Run:
    """Some text in one face; already as the face shows it (`Face.shown`)."""

    face: Face
    text: str


Row = list[Run]
"""One line of text."""


def wrapped(runs: Sequence[Run], size: float, width: float) -> list[Row]:
    """Lines that are at most `width` points wide; a word that is wider itself is broken anywhere.

    Args:
        runs: with a blank between each and the next.
        size: of the letters, in points.
        width: more than that of any single letter.

    Returns:
        at least one line.
    """
    rows: list[Row] = [[]]
    used = 0.0
    for face, word in _words(runs):
        blank = face.width(" ", size) if rows[-1] else 0.0
        wide = face.width(word, size)
        if rows[-1] and used + blank + wide > width:
            rows.append([])
            used = blank = 0.0
        if wide <= width:
            rows[-1].append(Run(face, word))
            used += blank + wide
            continue
        *full, rest = _pieces(face, word, size, width)
        rows[-1:] = [[Run(face, piece)] for piece in (*full, rest)]  # the last line is empty here
        used = face.width(rest, size)
    return rows


def _words(runs: Sequence[Run]) -> Iterator[tuple[Face, str]]:
    for run in runs:
        for word in run.text.split(" "):
            if word:
                yield run.face, word


def _pieces(face: Face, word: str, size: float, width: float) -> list[str]:
    """A word in parts that fit."""
    pieces, piece, used = [], "", 0.0
    for char in word:
        wide = face.width(char, size)
        if piece and used + wide > width:
            pieces.append(piece)
            piece, used = "", 0.0
        piece += char
        used += wide
    return [*pieces, piece]
