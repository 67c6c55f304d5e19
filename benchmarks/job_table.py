"""What a job costs in the table, empty or with very many ended jobs in it (part of ``benchmarks.jobs``)."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final

from benchmarks.spread import Spread, spread
from sqlalchemy import insert, text

from dfd.job import Job, JobState
from dfd.job_store.database import Database
from dfd.job_store.rows import to_row
from dfd.job_store.schema import JOBS, REPORTS
from dfd.job_store.sql import SqlJobStore
from dfd.ports import JobFilter

OPERATIONS: Final = ("submit", "place", "get", "list", "list ended", "list by name", "claim", "end")

_ROWS_AT_ONCE: Final = 5000
_REPORT: Final = '{"verdict": "fake", "filler": "' + "x" * 1000 + '"}'
_MOST_QUEUED: Final = 10_000
_PAGE: Final = 51  # fifty, and one to see whether there are more

Timed = dict[str, list[float]]


def compare(empty_url: str, full_url: str, ended: int, rounds: int) -> dict[str, Any]:
    """Bring jobs through two tables in turn.

    Args:
        empty_url: address of an empty database.
        full_url: of another one, which is given `ended` jobs that have ended.
        ended: how many.
        rounds: jobs brought through each table.

    Returns:
        milliseconds of each operation in either table, and the ratio of their medians, full to empty.
    """
    with _opened(empty_url) as empty, _opened(full_url) as full:
        fill(full_url, ended)
        timed: dict[str, Timed] = {name: {operation: [] for operation in OPERATIONS} for name in ("empty", "full")}
        for number in range(rounds + 1):
            turn = (("empty", empty), ("full", full))
            for name, store in turn if number % 2 else reversed(turn):
                for operation, seconds in bring_through(store, number).items():
                    if number:  # the first opens connections and prepares statements
                        timed[name][operation].append(seconds * 1000)
    return summarise(timed)


def summarise(timed: Mapping[str, Mapping[str, list[float]]]) -> dict[str, Any]:
    """Medians with their spread, and ratios, by operation; ``all`` is the sum of those on a job's way."""
    milliseconds: dict[str, dict[str, Spread]] = {
        name: {operation: spread(values) for operation, values in of.items()} for name, of in timed.items()
    }
    totals = {name: [sum(one) for one in zip(*of.values(), strict=True)] for name, of in timed.items()}
    for name, values in totals.items():
        milliseconds[name]["all"] = spread(values)
    empty, full = milliseconds["empty"], milliseconds["full"]
    ratios = {operation: full[operation]["median"] / empty[operation]["median"] for operation in empty}
    return {"milliseconds": milliseconds, "ratios": ratios}


def fill(url: str, ended: int) -> None:
    """Add jobs that have ended, with their reports, as a service that has run for long leaves them."""
    database = Database(url)
    for start in range(0, ended, _ROWS_AT_ONCE):
        jobs = [_ended(number) for number in range(start, min(ended, start + _ROWS_AT_ONCE))]
        with database.writing() as connection:
            connection.execute(insert(JOBS), [to_row(job) for job in jobs])
            connection.execute(insert(REPORTS), [{"job_id": job.job_id, "document": _REPORT} for job in jobs])
    if not database.is_sqlite:  # what the server does by itself within some minutes, and not while we measure
        with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            for command in ("VACUUM ANALYZE jobs", "VACUUM ANALYZE job_reports", "CHECKPOINT"):
                connection.execute(text(command))
    database.close()


def bring_through(store: SqlJobStore, number: int) -> dict[str, float]:
    """Everything that one job asks of the table on its way; seconds by operation."""
    seconds: dict[str, float] = {}

    def timed(operation: str, act: Callable[[], Any]) -> Any:
        begun_s = time.perf_counter()
        found = act()
        seconds[operation] = time.perf_counter() - begun_s
        return found

    def submit() -> Job:
        store.waiting(_MOST_QUEUED)
        return store.add([_waiting(number)])[0]

    job = timed("submit", submit)
    timed("place", lambda: store.ahead_of(job))
    timed("get", lambda: store.get(job.job_id))
    timed("list", lambda: store.page(JobFilter(), _PAGE))
    timed("list ended", lambda: store.page(JobFilter(frozenset({JobState.SUCCEEDED, JobState.FAILED})), _PAGE))
    timed("list by name", lambda: store.page(JobFilter(external_id=job.external_id), _PAGE))
    now_s = time.time()
    held: Job | None = timed("claim", lambda: store.claim(lambda found: found.claimed("worker", now_s, 30.0), now_s))
    if held is None or held.job_id != job.job_id:
        raise RuntimeError("the job that was submitted cannot be claimed")
    claim, key = held.claims, f"{number:064x}"
    timed(
        "end",
        lambda: store.change(
            job.job_id, lambda found: found.succeeded(claim, now_s, "fake", 0.9, key, frames=10), _REPORT
        ),
    )
    return seconds


@contextmanager
def _opened(url: str) -> Iterator[SqlJobStore]:
    store = SqlJobStore(url)
    try:
        store.migrate()
        yield store
    finally:
        store.close()


def _waiting(number: int) -> Job:
    return Job(
        job_id=f"waiting-{number}",
        state=JobState.QUEUED,
        created_at_s=time.time(),
        options={"fps": 2.0},
        input_sha256=f"{number:064x}",
        input_bytes=1_000_000,
        input_key=f"uploads/waiting-{number}",
        external_id=f"waiting-{number}",
    )


def _ended(number: int) -> Job:
    """One of very many; every tenth has failed."""
    job = replace(
        _waiting(number),
        job_id=f"ended-{number}",
        created_at_s=1.7e9 + number,
        external_id=f"customer-{number % 50}",
        input_key=None,
        started_at_s=1.7e9 + number,
        finished_at_s=1.7e9 + number + 5,
        attempts=1,
        claims=1,
        worker="worker",
    )
    if number % 10 == 0:
        return replace(job, state=JobState.FAILED)
    key = f"e{number:063x}"
    return replace(job, state=JobState.SUCCEEDED, verdict="fake", fake_probability=0.9, result_key=key)
