"""The arithmetic of the benchmark of jobs, and that it brings jobs through a real table; timing is for people."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
from benchmarks.job_runs import LIMIT_S, processor_time_s
from benchmarks.job_table import OPERATIONS, bring_through, compare, fill, summarise
from benchmarks.jobs import CREWS, summarise_throughput, table

from dfd.job import JobState
from dfd.job_store.sql import SqlJobStore
from dfd.ports import JobFilter


def turn(**jobs_per_s: float) -> dict[str, dict[str, float]]:
    return {
        name: {"jobs_per_s": jobs_per_s[name.replace(" ", "_")], "busy_cores": 1.0 + len(jobs_per_s)} for name in CREWS
    }


def test_workers_are_compared_within_a_turn() -> None:
    turns = [
        turn(one=1, two_threads=2, two_processes=3, one_with_both_cores=1),
        turn(one=4, two_threads=4, two_processes=8, one_with_both_cores=4),
        turn(one=2, two_threads=3, two_processes=4, one_with_both_cores=4),
    ]
    found = summarise_throughput(turns)
    assert found["ratios"]["two threads"] == {"median": 1.5, "min": 1.0, "max": 2.0}
    assert found["ratios"]["two processes"]["median"] == 2.0
    assert set(found["busy_cores"].values()) == {5.0}


def test_a_history_is_compared_by_medians() -> None:
    empty = {operation: [1.0, 2.0, 9.0] for operation in OPERATIONS}
    full = empty | {"list": [4.0, 4.0, 4.0]}
    found = summarise({"empty": empty, "full": full})
    assert found["ratios"]["list"] == 2.0
    assert found["ratios"]["claim"] == 1.0
    count = len(OPERATIONS)
    assert found["ratios"]["all"] == (2.0 * (count - 1) + 4.0) / (2.0 * count)


def test_a_job_goes_all_its_way_beside_a_long_history(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'full.sqlite3'}"
    store = SqlJobStore(url)
    store.migrate()
    fill(url, 30)
    assert list(bring_through(store, 0)) == list(OPERATIONS)
    assert len(store.page(JobFilter(frozenset({JobState.SUCCEEDED})), 99)) == 27 + 1
    assert len(store.page(JobFilter(frozenset({JobState.FAILED})), 99)) == 3
    store.close()


def test_tables_are_compared(tmp_path: Path) -> None:
    empty, full = (f"sqlite:///{tmp_path / name}.sqlite3" for name in ("empty", "full"))
    found = compare(empty, full, ended=10, rounds=2)
    assert set(found["ratios"]) == {*OPERATIONS, "all"}
    assert all(value > 0 for value in found["ratios"].values())


def test_the_table_shows_each_figure_beside_its_goal() -> None:
    spread = {"median": 12.34, "min": 11.0, "max": 13.0}
    work = summarise_throughput([turn(one=1, two_threads=1.75, two_processes=2, one_with_both_cores=1)])
    history = {"ratios": dict.fromkeys((*OPERATIONS, "all"), 1.05)}
    results = {
        "cores": 2,
        "overhead": {name: {"overhead": spread, "analysis": spread} for name in ("embedded", "celery")},
        "throughput": work,
        "history": {"sqlite": history, "postgres": history},
    }
    text = table(results)
    rows = {line.split("|")[1].strip(): line for line in text.splitlines() if line.startswith("| ")}
    for label, figure, goal in (
        ("beyond the analysis, embedded, ms", "12.3", "<= 30"),
        ("beyond the analysis, Celery and Redis, ms", "12.3", "<= 60"),
        ("two threads / one worker", "1.75", ">= 1.7"),
        ("two processes / one worker", "2.00", ">= 1.7"),
        ("history / none, postgres, all", "1.05", "<= 1.1"),
    ):
        assert figure in rows[label] and goal in rows[label]
    assert len({len(line) for line in rows.values()}) == 1
    assert "embedded" not in table({"cores": 2})


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_processor_time_of_another_process_is_seen() -> None:
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as process:
        try:
            deadline_s = time.monotonic() + LIMIT_S
            while processor_time_s(process) == 0:
                assert time.monotonic() < deadline_s
        finally:
            process.kill()
