"""The bar on stderr, drawn or not: what it is told to say is seen, and it is gone at the end."""

import pytest

from dfd.cli.drawn_bar import drawn_bar
from dfd.cli.progress import progress_bar
from dfd.pipeline import Progress


@pytest.mark.parametrize("shown", [False, True])
def test_what_it_says_is_a_line_that_steers_no_terminal(shown: bool, capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar(2, shown) as bar:
        bar.start("clips/a.mp4")
        bar.frames(Progress(1, 4))
        bar.say("a.mp4: \x1b[31mbroken [bold]")
        bar.finish()
        bar.stop()
    out, err = capsys.readouterr()
    assert out == ""
    assert "dfd: a.mp4: \N{REPLACEMENT CHARACTER}[31mbroken [bold]\n" in err
    assert "\x1b" not in err


def test_a_bar_that_is_not_shown_writes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar(1, shown=False) as bar:
        bar.start("a.mp4")
        bar.frames(Progress(4, 4))
        bar.finish()
    assert capsys.readouterr() == ("", "")


def test_a_drawn_bar_moves_with_every_frame() -> None:
    with drawn_bar(2) as bar:
        [task] = bar._progress.tasks
        bar.start("clips/a\x1b.mp4")
        bar.frames(Progress(1, 4))
        assert (task.completed, task.fields["name"]) == (0.25, "a\N{REPLACEMENT CHARACTER}.mp4")
        bar.finish()
        bar.frames(Progress(0, 0))
        assert task.completed == 1
        bar.frames(Progress(2, 4))
        assert task.completed == 1.5
