"""The progress of a run over files, on stderr."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager

from dfd.cli.exits import complain
from dfd.pipeline import Progress


class ProgressBar(ABC):
    """Told of every file and every analysed frame."""

    @abstractmethod
    def start(self, path: str) -> None:
        """The next file."""

    @abstractmethod
    def frames(self, frames: Progress) -> None:
        """Another frame of it."""

    @abstractmethod
    def finish(self) -> None:
        """The end of it."""

    @abstractmethod
    def stop(self) -> None:
        """Take the bar off the screen; safe to call twice."""

    @abstractmethod
    def say(self, message: str) -> None:
        """Write a line, above the bar where there is one."""


class _NoBar(ProgressBar):
    """Only says what it is told to say."""

    def start(self, path: str) -> None:
        pass

    def frames(self, frames: Progress) -> None:
        pass

    def finish(self) -> None:
        pass

    def stop(self) -> None:
        pass

    def say(self, message: str) -> None:
        complain(message)


@contextmanager
def progress_bar(files: int, shown: bool) -> Iterator[ProgressBar]:
    """A bar that vanishes at the end.

    Args:
        files: how many files there are.
        shown: False for a bar that does nothing; `ProgressBar.say` works all the same.
    """
    if not shown:
        yield _NoBar()
        return
    from dfd.cli.drawn_bar import drawn_bar  # noqa: PLC0415 - rich takes longer to load than many a clip to look at

    with drawn_bar(files) as bar:
        yield bar
