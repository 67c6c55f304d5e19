from collections.abc import Iterator

import pytest

from dfd.stopwatch import Stopwatch


def ticking(*seconds: float) -> Stopwatch:
    return Stopwatch(iter(seconds).__next__)


def test_a_stage_adds_up_over_its_visits() -> None:
    watch = ticking(0.0, 1.0, 5.0, 5.5)
    for _ in range(2):
        with watch.stage("detect"):
            pass
    assert watch.elapsed_ms == {"detect": 1500.0}


def test_a_stage_that_fails_is_counted() -> None:
    watch = ticking(0.0, 2.0)
    with pytest.raises(KeyError), watch.stage("detect"):
        raise KeyError
    assert watch.elapsed_ms == {"detect": 2000.0}


def test_waiting_for_items_is_counted_and_working_on_them_is_not() -> None:
    now = 0.0

    def items() -> Iterator[str]:
        nonlocal now
        for item in "ab":
            now += 1.0
            yield item

    watch = Stopwatch(lambda: now)
    seen = ""
    for item in watch.each("wait", items()):
        seen += item
        now += 100.0
    assert seen == "ab"
    assert watch.elapsed_ms == {"wait": 2000.0}
