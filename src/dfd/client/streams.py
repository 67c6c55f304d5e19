"""Server-Sent Events as they come: the part of the format (WHATWG HTML) that DFD sends."""

import json
from typing import Final

from dfd.client.values import Job, JobEvent, understood

RECONNECT_S: Final = 2.0
"""Wait before a broken stream is taken up again, as the service asks for."""


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
