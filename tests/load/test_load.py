"""The load suite in short, and what its figures rest on. ``make load`` runs it in full."""

from pathlib import Path

import pytest
from tests.load.memory import MIB, by_minute, growth, resident_bytes
from tests.load.running import Plan, run


@pytest.mark.slow
def test_twice_the_traffic_is_refused_in_good_order_and_nothing_accepted_is_lost(tmp_path: Path) -> None:
    outcome = run(tmp_path, Plan(seconds=12, seed=3, measured=6))
    assert outcome.faults == [], outcome.figures
    assert outcome.figures["accepted_analyses"] > 0
    assert outcome.figures["accepted_jobs"] == sum(outcome.figures["ended_jobs"].values()) > 0


def test_memory_that_grows_is_told_from_memory_that_jumps() -> None:
    flat = [(float(second), 1000 + (500 if second % 10 == 0 else 0)) for second in range(100)]
    leaking = [(second, size + 10 * int(second)) for second, size in flat]
    assert growth(flat)[1] == pytest.approx(0.0, abs=0.01)
    assert growth(leaking)[0] == pytest.approx(10.0, rel=0.05)
    assert growth([(0.0, 5)]) == (0.0, 0.0)


def test_a_minute_counts_as_its_median() -> None:
    assert by_minute([(0.0, MIB), (30.0, 9 * MIB), (59.0, 2 * MIB), (60.0, 4 * MIB)]) == [2.0, 4.0]
    assert by_minute([]) == []


def test_the_memory_of_a_process_is_known_and_that_of_none_is_none() -> None:
    assert resident_bytes(1) >= 0
    assert resident_bytes(2**30) == 0
