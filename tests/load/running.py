"""Twice the traffic that a service can take, and what came of it."""

import asyncio
import json
import signal
import statistics
import subprocess
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
from tests.integration.test_jobs_processes import Place
from tests.live_service import START_LIMIT_S, until
from tests.load.memory import MIB, MemoryWatch, by_minute, growth
from tests.load.traffic import ADDRESSES, ANALYSES, WEIGHTS, Callers, Kind

from dfd.settings import default_models_dir

SAMPLES: Final = sorted((Path(__file__).resolve().parents[2] / "samples").glob("*.mp4"))

OVERLOAD: Final = 2.0
"""Analyses asked for, to those that the service can do."""

CONCURRENCY: Final = 2
MOST_QUEUED: Final = 10

MOST_GROWTH: Final = 0.10
"""Of memory over the time that is looked at, to its median."""

MOST_LATENCY: Final = 40.0
"""95th percentile of accepted analyses, to one that runs alone: 6 may be admitted at once (2 run, 4 wait) beside a job,
on the processors that the one alone had to itself, and requests for reports and refusals come between."""

_WARM_UP: Final = 0.3
"""Share of the time that memory is not looked at: pools and caches fill. Nor is it looked at once traffic ends."""

_DRAIN_S: Final = 300.0


@dataclass(frozen=True)
class Plan:
    """What is run.

    Attributes:
        seconds: of traffic.
        seed: of all that is drawn.
        measured: analyses that measure the capacity.
    """

    seconds: float = 240.0
    seed: int = 1
    measured: int = 20


@dataclass(frozen=True)
class Outcome:
    """What came of it.

    Attributes:
        figures: JSON-ready.
        faults: what must never be: answers that are errors of the service, jobs that are lost.
        misses: figures of time and memory beyond their limits.
    """

    figures: dict[str, Any]
    faults: list[str]
    misses: list[str]


def run(folder: Path, plan: Plan) -> Outcome:
    """Measure what a service can do, then ask a fresh one for twice as much."""
    measured, loaded = folder / "measured", folder / "loaded"
    for one in (measured, loaded):
        one.mkdir()
    settings = {"MODELS_DIR": str(default_models_dir()), "NO_FACE_FALLBACK": "false"}
    settings |= {"MAX_CONCURRENCY": str(CONCURRENCY), "MAX_QUEUED_JOBS": str(MOST_QUEUED), "JOB_LEASE_S": "30"}
    with Place(measured, **settings).service() as (_, client):
        alone_s, per_second = _capacity(client, plan.measured)
    wanted = OVERLOAD * per_second * sum(WEIGHTS.values()) / ANALYSES
    # Twice what one address comes to in a minute, or in all; only who asks for far more than his share gets there.
    limit = max(10, round(2 * wanted * min(60.0, plan.seconds) / ADDRESSES))
    place = Place(loaded, **settings, REQUESTS_PER_MINUTE=str(limit))
    with place.service() as (running, client):
        callers = Callers(str(client.base_url), SAMPLES, plan.seed, limit)
        watch = MemoryWatch(running.pid)
        states = asyncio.run(_asked(callers, watch, wanted, plan.seconds))
        faults = _leave(running, client)
    return _judged(plan, alone_s, per_second, callers, states, watch, place.log, faults)


def _leave(running: "subprocess.Popen[bytes]", client: httpx.Client) -> list[str]:
    """See that the service is well, and let it stop by itself, so that its log has what it says of the last job."""
    try:
        until(lambda: running.poll() is not None or client.get("/readyz").status_code == 200, START_LIMIT_S)
        running.send_signal(signal.SIGTERM)
        code = running.wait(_DRAIN_S)
    except (AssertionError, httpx.TransportError, subprocess.TimeoutExpired) as error:
        return [f"the service is not well: {error!r}"]
    return [] if code in (0, -signal.SIGTERM) else [f"the service is gone: {code}"]


async def _asked(callers: Callers, watch: MemoryWatch, wanted: float, seconds: float) -> dict[str, str]:
    with watch.watching():
        await callers.ask(wanted, seconds)
    states = await callers.ends(_DRAIN_S)
    await callers.close()
    return states


def _capacity(client: httpx.Client, count: int) -> tuple[float, float]:
    """Seconds of an analysis that runs alone, and analyses a second where as many run as may."""
    alone = [_seconds(client, number) for number in range(5)][2:]

    async def all_at_once() -> float:
        async with httpx.AsyncClient(base_url=client.base_url, timeout=300) as many:
            places = asyncio.Semaphore(CONCURRENCY)

            async def one(number: int) -> None:
                async with places:
                    content = SAMPLES[number % len(SAMPLES)].read_bytes()
                    answer = await many.post("/predict", files={"file": content})
                    assert answer.status_code == 200, answer.text

            begun_s = time.monotonic()
            await asyncio.gather(*(one(number) for number in range(count)))
            return count / (time.monotonic() - begun_s)

    return statistics.median(alone), asyncio.run(all_at_once())


def _seconds(client: httpx.Client, number: int) -> float:
    begun_s = time.monotonic()
    answer = client.post("/predict", files={"file": SAMPLES[number % len(SAMPLES)].read_bytes()})
    assert answer.status_code == 200, answer.text
    return time.monotonic() - begun_s


def _judged(  # noqa: PLR0917 - everything that was measured
    plan: Plan,
    alone_s: float,
    per_second: float,
    callers: Callers,
    states: dict[str, str],
    watch: MemoryWatch,
    log: list[dict[str, Any]],
    faults: list[str],
) -> Outcome:
    seen = callers.seen
    faults = [*faults, *seen.faults]
    lost = [job_id for job_id in seen.accepted if job_id not in states]
    ends = Counter(line["dfd.job_id"] for line in log if line["message"] == "job ended")
    twice = [job_id for job_id, count in ends.items() if count > 1]
    silent = [job_id for job_id in states if job_id not in ends]
    refused = {status: sum(n for (_, one), n in seen.answers.items() if one == status) for status in (429, 503)}
    faults += [f"jobs lost: {lost}"] * bool(lost) + [f"jobs ended twice: {twice}"] * bool(twice)
    faults += [f"jobs that ended without a word: {silent}"] * bool(silent)
    faults += [f"logged: {line['message']}" for line in log if line["log.level"] in ("error", "critical")][:20]
    faults += ["no analysis was refused with 503"] * (seen.shed == 0)
    faults += ["nobody was refused with 429"] * (refused[429] == 0)
    steady = [one for one in watch.samples if _WARM_UP * plan.seconds <= one[0] <= plan.seconds]
    slope, share = growth(steady)
    ratios = sorted(seconds / alone_s for seconds in seen.predict_s)
    p95 = ratios[int(0.95 * (len(ratios) - 1))] if ratios else 0.0
    misses = [f"memory grew by {share:.1%}"] * (share > MOST_GROWTH)
    misses += [f"95 % of accepted analyses took up to {p95:.1f} times one alone"] * (p95 > MOST_LATENCY)
    figures = {
        "seed": plan.seed,
        "seconds": plan.seconds,
        "alone_s": round(alone_s, 4),
        "capacity_per_s": round(per_second, 3),
        "asked_analyses_per_s": round((seen.asked[Kind.PREDICT] + seen.asked[Kind.JOB]) / plan.seconds, 3),
        "answers": {f"{kind} {status}": count for (kind, status), count in sorted(seen.answers.items())},
        "refused": {str(status): count for status, count in refused.items()},
        "accepted_analyses": len(seen.predict_s),
        "accepted_jobs": len(seen.accepted),
        "ended_jobs": dict(Counter(states.values())),
        "lost_jobs": len(lost),
        "streams_to_the_end": seen.streams,
        "latency_to_alone": {
            name: round(ratios[int(rank * (len(ratios) - 1))], 2) if ratios else None
            for name, rank in (("p50", 0.5), ("p95", 0.95), ("max", 1.0))
        },
        "memory": {
            "first_mib": round(watch.samples[0][1] / MIB, 1) if watch.samples else None,
            "last_mib": round(steady[-1][1] / MIB, 1) if steady else None,
            "median_mib": round(statistics.median(size for _, size in steady) / MIB, 1) if steady else None,
            "slope_mib_per_min": round(slope * 60 / MIB, 3),
            "growth": round(share, 4),
            "by_minute_mib": by_minute(watch.samples),
            "service_by_minute_mib": by_minute(watch.own),
        },
        "faults": faults[:20],
        "misses": misses,
    }
    return Outcome(json.loads(json.dumps(figures)), faults, misses)
