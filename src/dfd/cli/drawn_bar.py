"""The progress bar that a terminal shows."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from dfd.cli.exits import printable
from dfd.cli.progress import ProgressBar
from dfd.pipeline import Progress as Frames


class DrawnBar(ProgressBar):
    """One bar over all files, moved by every analysed frame."""

    def __init__(self, progress: Progress, files: int) -> None:
        """Count up to `files` on a bar of `progress`."""
        self._progress = progress
        self._task = progress.add_task("", total=files, name="")
        self._done_files = 0

    def start(self, path: str) -> None:
        self._progress.update(self._task, name=printable(Path(path).name))

    def frames(self, frames: Frames) -> None:
        share = frames.done_frames / max(1, frames.total_frames)
        self._progress.update(self._task, completed=self._done_files + share)

    def finish(self) -> None:
        self._done_files += 1
        self._progress.update(self._task, completed=self._done_files)

    def stop(self) -> None:
        self._progress.stop()

    def say(self, message: str) -> None:
        self._progress.console.print(f"dfd: {printable(message)}", markup=False, highlight=False, soft_wrap=True)


@contextmanager
def drawn_bar(files: int) -> Iterator[DrawnBar]:
    """See `dfd.cli.progress.progress_bar`.

    Standard output and error stay as they are (`rich` would redirect them): what goes to stdout may be read by a
    program.
    """
    progress = Progress(
        TextColumn("{task.fields[name]}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(file=sys.stderr),
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    )
    with progress:
        yield DrawnBar(progress, files)
