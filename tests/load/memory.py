"""How much memory a process and its children hold, and whether that grows."""

import re
import statistics
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

MIB = 1 << 20


def resident_bytes(pid: int) -> int:
    """Memory of a process and of all below it, shared pages counted once; of what has ended, none."""
    return sum(_each_bytes(pid))


def _each_bytes(pid: int) -> Iterator[int]:
    """Of each of them, the process itself first."""
    waiting = [pid]
    while waiting:
        folder = Path("/proc") / str(waiting.pop())
        try:
            [share] = re.findall(r"^Pss: +(\d+) kB$", (folder / "smaps_rollup").read_text(), re.MULTILINE)
            for task in (folder / "task").iterdir():
                waiting += map(int, (task / "children").read_text().split())
        except (OSError, ValueError):  # it has ended, or is about to
            continue
        yield int(share) * 1024


class MemoryWatch:
    """Looks every so often.

    Attributes:
        samples: (seconds since the first, bytes) of all processes together.
        own: the same of the first process alone: those below it come and go.
    """

    def __init__(self, pid: int, every_s: float = 1.0) -> None:
        self.samples: list[tuple[float, int]] = []
        self.own: list[tuple[float, int]] = []
        self._pid = pid
        self._every_s = every_s
        self._over = threading.Event()

    @contextmanager
    def watching(self) -> Iterator[None]:
        thread = threading.Thread(target=self._watch)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()

    def _watch(self) -> None:
        begun_s = time.monotonic()
        while not self._over.wait(self._every_s):
            each = list(_each_bytes(self._pid)) or [0]
            seconds = time.monotonic() - begun_s
            self.samples.append((seconds, sum(each)))
            self.own.append((seconds, each[0]))


def by_minute(samples: Sequence[tuple[float, int]]) -> list[float]:
    """The median of each minute, in MiB."""
    minutes: dict[int, list[int]] = {}
    for seconds, size in samples:
        minutes.setdefault(int(seconds // 60), []).append(size)
    return [round(statistics.median(sizes) / MIB, 1) for _, sizes in sorted(minutes.items())]


def growth(samples: Sequence[tuple[float, int]], most_points: int = 300) -> tuple[float, float]:
    """What a line through the samples says (Theil and Sen: the median of the slopes of all pairs).

    Returns:
        bytes a second, and that over all the time as a share of the median.
    """
    step = max(1, len(samples) // most_points)
    points = samples[::step]
    slopes = [
        (later[1] - earlier[1]) / (later[0] - earlier[0])
        for number, earlier in enumerate(points)
        for later in points[number + 1 :]
        if later[0] > earlier[0]
    ]
    if not slopes:
        return 0.0, 0.0
    slope = statistics.median(slopes)
    middle = statistics.median(size for _, size in points)
    return slope, slope * (points[-1][0] - points[0][0]) / middle
