"""How the work of an analysis is divided among processors, and how the fastest way is found. Reports stay the same."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

MOST_THREADS: Final = 1024

_THREADS_TO_FIND_AHEAD: Final = 4
"""From so many on, looking for faces and scoring them in one thread would be slower than decoding in the others."""

_PIECES: Final = (2, 4, 8, 16, 32)

_WORTH: Final = 0.97
"""What gains less than 3 % is not worth another way than the usual."""


@dataclass(frozen=True, slots=True)
class Tuning:
    """A way to divide the work.

    Attributes:
        decoder_threads: of FFmpeg, for one file. One more than may work at a time is usual, since each waits for the
            frame before its own: on two processors an analysis of 1080p takes a tenth less time with three, and no more
            of the processors.
        call_threads: of one inference on the CPU. Two that share a call wait for each other at every layer.
        piece_crops: most crops of one inference on the CPU. On two threads 32 crops of the shipped model take 108 ms of
            processor time and 33 MB in pieces of 2, 118 ms and 145 MB in pieces of 8: caches hold what is small.
        finds_ahead: whether faces are looked for in a thread of their own while those already found are scored.
    """

    decoder_threads: int
    call_threads: int
    piece_crops: int
    finds_ahead: bool

    def __post_init__(self) -> None:
        for number in (self.decoder_threads, self.call_threads, self.piece_crops):
            if type(number) is not int or not 1 <= number <= MOST_THREADS:
                raise ValueError(f"threads and pieces must be whole numbers from 1 to {MOST_THREADS}, got {self}")
        if type(self.finds_ahead) is not bool:
            raise ValueError(f"faces are either found ahead or not, got {self}")


@dataclass(frozen=True, slots=True)
class Tried:
    """A way that was measured.

    Attributes:
        tuning: the way.
        seconds: of an analysis, one for each turn; None where its report was another one, so that it may not be used.
    """

    tuning: Tuning
    seconds: tuple[float, ...] | None

    @property
    def median_s(self) -> float | None:
        """The median of its times."""
        return None if self.seconds is None else statistics.median(self.seconds)


Times = Sequence[float] | None
"""As `Tried.seconds`."""


def usual(threads: int) -> Tuning:
    """What is used where nobody has measured.

    Args:
        threads: of an analysis, at least 1.
    """
    return Tuning(
        decoder_threads=threads + 1 if threads > 1 else 1,
        call_threads=1,
        piece_crops=2,
        finds_ahead=threads >= _THREADS_TO_FIND_AHEAD,
    )


def fastest(threads: int, measure: Callable[[Sequence[Tuning]], Sequence[Times]]) -> tuple[Tuning, list[Tried]]:
    """Look for the fastest way, one choice after the other.

    A way counts as faster where it gains 3 % in the median and was faster in every single turn: on a machine that does
    other things besides, chance makes some way or other look good.

    Args:
        threads: of an analysis, at least 1.
        measure: takes ways, the one in use first, and answers as `Tried.seconds` for each, measured side by side.

    Returns:
        the way to use, and all that was measured, in order.
    """
    best = usual(threads)
    tried: list[Tried] = []
    for choice in _choices(threads):
        ways = [best, *(other for change in choice if (other := change(best)) != best)]
        measured = [
            Tried(way, None if found is None else tuple(found)) for way, found in zip(ways, measure(ways), strict=True)
        ]
        tried += measured
        best = _better(measured)
    return best, tried


def _better(measured: Sequence[Tried]) -> Tuning:
    in_use = measured[0]
    gains = [(_ratio(one, in_use), one.tuning) for one in measured[1:] if _always_faster(one, in_use)]
    ratio, tuning = min(gains, key=lambda gain: gain[0], default=(1.0, in_use.tuning))
    return tuning if ratio < _WORTH else in_use.tuning


def _always_faster(one: Tried, in_use: Tried) -> bool:
    if one.seconds is None or in_use.seconds is None:
        return False
    return all(mine < its for mine, its in zip(one.seconds, in_use.seconds, strict=True))


def _ratio(one: Tried, in_use: Tried) -> float:
    pairs = zip(one.seconds or (), in_use.seconds or (), strict=True)
    return statistics.median(mine / its for mine, its in pairs)


def _choices(threads: int) -> list[list[Callable[[Tuning], Tuning]]]:
    """What is tried, one list a choice. One thread of an analysis means one: only pieces can be chosen then."""
    pieces = [_with_piece(crops) for crops in _PIECES]
    if threads == 1:
        return [pieces]
    return [
        [_with_decoder(count) for count in range(max(1, threads - 1), threads + 3)],
        [lambda way: replace(way, finds_ahead=not way.finds_ahead)],
        [_with_call(count) for count in sorted({1, max(1, threads // 2), threads})],
        pieces,
    ]


def _with_decoder(threads: int) -> Callable[[Tuning], Tuning]:
    return lambda way: replace(way, decoder_threads=threads)


def _with_call(threads: int) -> Callable[[Tuning], Tuning]:
    return lambda way: replace(way, call_threads=threads)


def _with_piece(crops: int) -> Callable[[Tuning], Tuning]:
    return lambda way: replace(way, piece_crops=crops)
