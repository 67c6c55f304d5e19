"""Server-Sent Events as they come: the part of the format (WHATWG HTML) that DFD sends."""

import json
import re
from collections.abc import AsyncIterator, Iterator
from typing import Final

from dfd.client.values import Job, JobEvent, understood

RECONNECT_S: Final = 2.0
"""Wait before a broken stream is taken up again, as the service asks for."""

_LINE_ENDS: Final = re.compile(r"\r\n|\n|\r")


class LineSplitter:
    """Cuts a text that comes in pieces into lines: at CR, LF or both, and nowhere else, as `str.splitlines` does."""

    def __init__(self) -> None:
        """Begin at the beginning of a text."""
        self._begun: list[str] = []
        self._after_cr = False

    def feed(self, piece: str) -> list[str]:
        """Take one piece; the lines that it ends, without their ends. What comes behind the last end is no line yet."""
        if not piece:
            return []
        if self._after_cr:  # its line was told already
            piece = piece.removeprefix("\n")
        self._after_cr = piece.endswith("\r")
        *ended, rest = _LINE_ENDS.split(piece)
        if ended:
            ended[0] = "".join([*self._begun, ended[0]])
            self._begun = []
        self._begun.append(rest)
        return ended


def lines_of(pieces: Iterator[str]) -> Iterator[str]:
    """The lines of a text, each as soon as it has ended."""
    splitter = LineSplitter()
    for piece in pieces:
        yield from splitter.feed(piece)


async def awaited_lines_of(pieces: AsyncIterator[str]) -> AsyncIterator[str]:
    """As `lines_of`."""
    splitter = LineSplitter()
    async for piece in pieces:
        for line in splitter.feed(piece):
            yield line


class EventReader:
    """Puts events together from the lines of a stream."""

    def __init__(self) -> None:
        """Begin at the beginning of a stream."""
        self._kind = ""
        self._id = ""
        self._data: list[str] = []

    def feed(self, line: str) -> JobEvent | None:
        """Take one line, without its end.

        Returns:
            the event that it completes.

        Raises:
            BadAnswer: the event is none of a job.
        """
        if line:
            self._note(line)
            return None
        kind, number, data = self._kind, self._id, "\n".join(self._data)
        self._kind, self._data = "", []
        if not data:
            return None
        return understood(data, lambda text: JobEvent(kind, int(number), Job.read(json.loads(text))))

    def _note(self, line: str) -> None:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "event":
            self._kind = value
        elif name == "id":
            self._id = value
        elif name == "data":
            self._data.append(value)
