"""Take one part after the other away under load, and see that what was accepted completes once."""

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
from sqlalchemy import func, select
from tests.chaos.cluster import Cluster, Part, cluster
from tests.cli_process import paint
from tests.live_service import until

from dfd.job_store.database import Database
from dfd.job_store.schema import JOBS, REPORTS

_CALLERS: Final = 2
_PATIENCE_S: Final = 240.0
"""Longest wait for work to go on, or to be done, on a busy machine; only what fails waits so long."""


@dataclass(frozen=True)
class Plan:
    """What is run.

    Attributes:
        seed: of order, gaps and outages.
        rounds: how often each part goes away.
        outage_s: shortest and longest time that one is away.
        gap_s: mean pause of a caller between two jobs.
    """

    seed: int
    rounds: int = 3
    outage_s: tuple[float, float] = (1.0, 8.0)
    gap_s: float = 0.3


@dataclass
class Callers:
    """Callers who hand in jobs, and ask again with the same key until they are told that theirs was accepted.

    Attributes:
        accepted: ids of jobs by the callers' keys.
        refusals: what they were told before, by status; 0: nothing.
        lost: keys that were never answered.
    """

    url: str
    clips: Sequence[bytes]
    plan: Plan
    accepted: dict[str, str] = field(default_factory=dict)
    refusals: Counter[int] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def calling(self) -> Iterator[None]:
        threads = [threading.Thread(target=self._call, args=(number,)) for number in range(_CALLERS)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            for thread in threads:
                thread.join()

    def _call(self, number: int) -> None:
        rng = random.Random(f"{self.plan.seed}-{number}")
        turn = 0
        with httpx.Client(base_url=self.url, timeout=90) as client:
            while not self._stop.is_set():
                turn += 1
                self._hand_in(client, f"{self.plan.seed}-{number}-{turn}", rng)
                self._stop.wait(rng.expovariate(1 / self.plan.gap_s))

    def _hand_in(self, client: httpx.Client, key: str, rng: random.Random) -> None:
        content, until_s = rng.choice(self.clips), time.monotonic() + _PATIENCE_S
        while time.monotonic() < until_s:
            status = 0
            try:
                answer = client.post(
                    "/v1/jobs", params={"force": True}, files={"file": content}, headers={"Idempotency-Key": key}
                )
                status = answer.status_code
                if status == 202:
                    self.accepted[key] = answer.json()["jobs"][0]["id"]
                    return
            except httpx.TransportError:
                pass
            self.refusals[status] += 1
            time.sleep(0.2 + 0.3 * rng.random())
        self.lost.append(key)


@dataclass(frozen=True)
class Outcome:
    """What came of it: figures, JSON-ready, and what must never be."""

    figures: dict[str, Any]
    faults: list[str]


def run(folder: Path, plan: Plan) -> Outcome:
    """Start a cluster, take every part away in turn, as often as is planned, and count."""
    rng = random.Random(plan.seed)
    for number in range(4):
        paint(folder / f"{number}.avi", 60 + 30 * number, 255)
    clips = [(folder / f"{number}.avi").read_bytes() for number in range(4)]
    outages: list[dict[str, Any]] = []
    with cluster(folder) as found:
        database = Database(found.database_url)
        callers = Callers(found.url, clips, plan)
        try:
            with callers.calling():
                until(lambda: _ended(database) >= 2, _PATIENCE_S)
                for _ in range(plan.rounds):
                    turns = rng.sample(found.parts, len(found.parts))
                    outages.extend(_outage(part, database, callers, rng, plan) for part in turns)
            begun_s = time.monotonic()
            until(lambda: _ended(database) >= len(callers.accepted), _PATIENCE_S)
            drained_s = time.monotonic() - begun_s
            return _judged(found, database, callers, plan, outages, drained_s)
        finally:
            database.close()


def _outage(part: Part, database: Database, callers: Callers, rng: random.Random, plan: Plan) -> dict[str, Any]:
    """Take a part away, bring it back, and wait until jobs are accepted and end again."""
    away_s = rng.uniform(*plan.outage_s)
    part.take_away()
    time.sleep(away_s)
    part.bring_back()
    accepted, ended, begun_s = len(callers.accepted), _ended(database), time.monotonic()
    until(lambda: len(callers.accepted) >= accepted + 2 and _ended(database) >= ended + 2, _PATIENCE_S)
    return {"part": part.name, "away_s": round(away_s, 1), "well_after_s": round(time.monotonic() - begun_s, 1)}


def _ended(database: Database) -> int:
    with database.reading() as connection:
        return int(
            connection.execute(
                select(func.count()).where(JOBS.c.finished_at_s.is_not(None)).select_from(JOBS)
            ).scalar_one()
        )


def _judged(
    found: Cluster,
    database: Database,
    callers: Callers,
    plan: Plan,
    outages: list[dict[str, Any]],
    drained_s: float,
) -> Outcome:
    with database.reading() as connection:
        rows = connection.execute(select(JOBS.c.job_id, JOBS.c.submission_key, JOBS.c.state, JOBS.c.attempts)).all()
        reports = connection.execute(select(REPORTS.c.job_id)).scalars().all()
    states = {row.job_id: row.state for row in rows}
    accepted = set(callers.accepted.values())
    ends = Counter(line["dfd.job_id"] for line in found.place.log if line["message"] == "job ended")
    bugs = [line for line in found.place.log if "error.stack_trace" in line and "error.code" not in line]
    faults = [f"{key} was never accepted" for key in callers.lost]
    faults += [f"{job_id} is {states.get(job_id)}" for job_id in accepted if states.get(job_id) != "succeeded"]
    faults += [f"{job_id} has no report" for job_id in accepted - set(reports)]
    faults += [f"{job_id} is nobody's" for job_id in states.keys() - accepted]
    faults += [f"{job_id} ended {count} times" for job_id, count in ends.items() if count > 1]
    faults += [f"logged: {line['message']}: {line['error.type']}" for line in bugs]
    figures = {
        "seed": plan.seed,
        "rounds": plan.rounds,
        "accepted": len(accepted),
        "succeeded": sum(state == "succeeded" for state in states.values()),
        "attempts": dict(Counter(str(row.attempts) for row in rows)),
        "asked_again_after": {str(status): count for status, count in sorted(callers.refusals.items())},
        "drained_s": round(drained_s, 1),
        "outages": outages,
        "faults": faults[:20],
    }
    return Outcome(figures, faults)
