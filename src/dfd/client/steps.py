"""The steps of a conversation (`dfd.client.conversations`), which a client takes: blocking, or awaiting."""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

from dfd.client.calls import Call

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Send:
    """Send a request. The answer: the response, read to its end, or the `httpx.TransportError` in its place.

    Attributes:
        call: the request.
        streamed: leave a successful response open, for `NextLine` or `NextPiece`, not both.
    """

    call: Call
    streamed: bool = False


@dataclass(frozen=True, slots=True)
class NextLine:
    """Read on in the open response. The answer: a line without its end, None behind the last, or `TransportError`."""


@dataclass(frozen=True, slots=True)
class NextPiece:
    """Read on in the open response. The answer: some bytes, None behind the last, or `TransportError`."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Close what is open, and wait. There is no answer."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Found(Generic[Value]):
    """Something for the caller. There is no answer."""

    value: Value


Step: TypeAlias = Send | NextLine | NextPiece | Pause
Asking: TypeAlias = Generator[Step, Any, Value]
Telling: TypeAlias = Generator[Step | Found[Value], Any, None]
