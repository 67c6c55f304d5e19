"""What jobs cost beyond their analyses, how many workers do, and what a long history costs (``make bench-jobs``).

Three parts, each with goals: the time a job takes beyond its analysis, on an idle queue, embedded and through Celery on
a real Redis; what two workers do in the time of one; and what one job costs in a table with very many ended ones, on
SQLite and PostgreSQL. See ``benchmarks/README.md``.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import pytest
from benchmarks.clip import COLD_START, make_clip
from benchmarks.job_runs import Crew, Place, overhead_elsewhere, overhead_embedded, ratio, throughput
from benchmarks.job_table import OPERATIONS, compare
from benchmarks.spread import Spread
from tests.broker_servers import redis_server
from tests.postgres_server import postgres_server

from dfd.processors import available_cpus

SAMPLES: Final = sorted((Path(__file__).resolve().parents[1] / "samples").glob("*.mp4"))

CREWS: Final[Mapping[str, Crew]] = {
    "one": Crew(1, 1, 1),
    "two threads": Crew(1, 2, 1),
    "two processes": Crew(2, 1, 1),
    "one with both cores": Crew(1, 1, 2),
}

GOALS: Final[Mapping[str, float]] = {"embedded": 30.0, "celery": 60.0, "workers": 1.7, "history": 1.1}
"""Milliseconds beyond the analysis at most, jobs of two workers to those of one at least, and cost with a long history
to that without one at most."""

Results = dict[str, Any]
Row = tuple[str, str, str, str, str]


def measure_overhead(folder: Path, jobs: int) -> Results:
    """Milliseconds beyond the analysis, by queue; a server that is not installed leaves its part out."""
    clip = SAMPLES[0]
    _tell("overhead: embedded")
    results: Results = {"embedded": overhead_embedded(_place(folder, "embedded"), clip, jobs)}

    def celery() -> dict[str, Spread]:
        with redis_server() as redis, postgres_server() as postgres:
            shared = {"JOB_QUEUE": "celery", "BROKER_URL": redis.url, "DATABASE_URL": postgres.new_database()}
            return overhead_elsewhere(_place(folder, "celery", **shared), clip, jobs)

    _tell("overhead: Celery and Redis")
    _where_installed(results, "celery", celery)
    return results


def measure_throughput(folder: Path, jobs: int, repeat: int) -> Results:
    """Jobs a second of each crew, in turns, and their ratios to one worker."""
    clip = folder / "clip.mp4"
    make_clip(clip, COLD_START)
    clips = [clip, *SAMPLES]
    turns = []
    for number in range(repeat):
        _tell(f"throughput: turn {number + 1} of {repeat}")
        turn = {}
        for name, crew in CREWS.items():
            with tempfile.TemporaryDirectory(dir=folder) as place:
                turn[name] = throughput(Path(place), crew, clips, jobs)
        turns.append(turn)
    return summarise_throughput(turns)


def summarise_throughput(turns: Sequence[Mapping[str, Mapping[str, float]]]) -> Results:
    """Ratios within each turn; the busiest processors of the turns tell what there was to gain."""
    others = [name for name in CREWS if name != "one"]
    return {
        "ratios": {name: ratio(turns, name, "one") for name in others},
        "busy_cores": {name: max(turn[name]["busy_cores"] for turn in turns) for name in CREWS},
        "turns": [dict(turn) for turn in turns],
    }


def measure_history(folder: Path, ended: int, rounds: int) -> Results:
    """Cost of one job with a long history, on either database."""
    _tell("history: SQLite")
    empty, full = (f"sqlite:///{folder / name}.sqlite3" for name in ("empty", "full"))
    results: Results = {"sqlite": compare(empty, full, ended, rounds)}

    def postgres() -> Results:
        with postgres_server() as server:
            return compare(server.new_database(), server.new_database(), ended, rounds)

    _tell("history: PostgreSQL")
    _where_installed(results, "postgres", postgres)
    return results


def table(results: Mapping[str, Any]) -> str:
    """The results for people, each figure beside its goal."""
    rows: list[Row] = [("", "median", "min", "max", "goal")]
    labels = {"embedded": "embedded", "celery": "Celery and Redis"}
    for name, parts in results.get("overhead", {}).items():
        goal = f"<= {GOALS[name]:.0f}"
        rows.append((f"beyond the analysis, {labels[name]}, ms", *_cells(parts["overhead"], 1), goal))
        rows.append((f"the analysis, {labels[name]}, ms", *_cells(parts["analysis"], 0), ""))
    if work := results.get("throughput"):
        for name, found in work["ratios"].items():
            goal = f">= {GOALS['workers']}" if name.startswith("two") else ""
            rows.append((f"{name} / one worker", *_cells(found, 2), goal))
        rows += [(f"cores kept busy, {name}", f"{busy:.2f}", "", "", "") for name, busy in work["busy_cores"].items()]
    for name, found in results.get("history", {}).items():
        for operation in ("all", *OPERATIONS):
            goal = f"<= {GOALS['history']}" if operation == "all" else ""
            rows.append((f"history / none, {name}, {operation}", f"{found['ratios'][operation]:.2f}", "", "", goal))
    head, *body = [f"| {row[0]:42} | " + " | ".join(f"{cell:>7}" for cell in row[1:]) + " |" for row in rows]
    rule = f"|{'-' * 44}|" + "|".join(["--------:"] * 4) + "|"
    return "\n".join([head, rule, *body, "", f"{results['cores']} cores"])


def _cells(values: Spread, digits: int) -> tuple[str, str, str]:
    median, least, most = (f"{values[name]:.{digits}f}" for name in ("median", "min", "max"))
    return median, least, most


def _place(folder: Path, name: str, **environment: str) -> Place:
    (folder / name).mkdir()
    return Place(folder / name, **environment)


def _where_installed(results: Results, name: str, measure: Callable[[], Any]) -> None:
    """The tests' servers are used, which say so where one is not installed."""
    try:
        results[name] = measure()
    except (pytest.skip.Exception, pytest.fail.Exception) as missing:
        _tell(f"left out: {missing}")


def _tell(message: str) -> None:
    print(message, file=sys.stderr)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = ("overhead", "throughput", "history")
    parser.add_argument("--part", action="append", choices=parts, help="only this; may be repeated")
    parser.add_argument("--jobs", type=int, default=24, help="jobs of each measurement (default 24)")
    parser.add_argument("--repeat", type=int, default=3, help="turns of the crews (default 3)")
    parser.add_argument("--ended", type=int, default=100_000, help="ended jobs of the long history (default 100000)")
    parser.add_argument("--quick", action="store_true", help="few jobs and a short history, to see that it works")
    parser.add_argument("--json", action="store_true", help="print JSON in place of the table")
    options = parser.parse_args(arguments)
    jobs, repeat, ended = (4, 1, 2000) if options.quick else (options.jobs, options.repeat, options.ended)
    wanted = options.part or parts
    results: Results = {"cores": available_cpus()}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dfd-bench-")))
        if "overhead" in wanted:
            results["overhead"] = measure_overhead(folder, jobs)
        if "throughput" in wanted:
            results["throughput"] = measure_throughput(folder, jobs, repeat)
        if "history" in wanted:
            results["history"] = measure_history(folder, ended, 20 if options.quick else 300)
    print(json.dumps(results, indent=2) if options.json else table(results))


if __name__ == "__main__":
    main()
