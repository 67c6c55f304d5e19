"""Callers who do not wait for each other: requests come when they come, whether or not the last is answered."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

import httpx

from dfd.client.calls import CONNECTIONS

_IN_FLIGHT: Final = 150
"""Requests of all callers under way at most; real ones would give up too."""

REFUSALS: Final = (429, 503)

BAD: Final[tuple[bytes, ...]] = (b"", b"no video at all" * 50, b"\x00\x00\x00\x18ftypmp42" + b"\xff" * 3000)
"""Files that are none; a clip cut short is added to them."""

BAD_ANSWERS: Final = (200, 400, 413, 415, 422)
"""What a bad file may be answered with; a clip that is cut short may still show a face."""


ADDRESSES: Final = 8
"""Of callers who keep to their share; the greedy one has another."""


class Kind(StrEnum):
    """What callers ask for."""

    PREDICT = "predict"
    JOB = "job"
    EVENTS = "events"
    REPORT = "report"
    BAD_FILE = "bad_file"
    GREEDY = "greedy"


WEIGHTS: Final = {
    Kind.PREDICT: 5.0,
    Kind.JOB: 3.0,
    Kind.EVENTS: 1.0,
    Kind.REPORT: 2.0,
    Kind.BAD_FILE: 1.0,
    Kind.GREEDY: 1.0,
}
"""How often each kind of request comes; `ANALYSES` of the weight asks for analyses of good files."""

ANALYSES: Final = WEIGHTS[Kind.PREDICT] + WEIGHTS[Kind.JOB]


@dataclass
class Seen:
    """What callers were given.

    Attributes:
        asked: how often each kind was asked for.
        answers: how often each kind got each status.
        faults: what nobody may be given: errors of the service, broken connections, refusals that do not say when to
            come back; the first few of each in words.
        accepted: ids of jobs that were accepted.
        predict_s: how long accepted analyses took, in seconds.
        streams: streams of events that told of an end.
    """

    asked: Counter[Kind] = field(default_factory=Counter)
    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    accepted: list[str] = field(default_factory=list)
    predict_s: list[float] = field(default_factory=list)
    streams: int = 0

    @property
    def shed(self) -> int:
        """Analyses that were refused because there were too many."""
        return sum(self.answers[kind.value, 503] for kind in (Kind.PREDICT, Kind.JOB))

    def note(self, kind: Kind, answer: httpx.Response, allowed: Sequence[int]) -> bool:
        """Take down an answer; whether it is none of the refusals."""
        self.answers[kind.value, answer.status_code] += 1
        if answer.status_code in REFUSALS:
            if not answer.headers.get("retry-after", "").isdecimal():
                self.faults.append(f"{kind}: {answer.status_code} without Retry-After: {answer.text[:200]}")
            return False
        if answer.status_code not in allowed:
            self.faults.append(f"{kind}: {answer.status_code}: {answer.text[:200]}")
            return False
        return True


class Callers:
    """Callers from several addresses of this machine, and one who asks more than he may."""

    def __init__(self, url: str, clips: Sequence[Path], seed: int, limit: int) -> None:
        """Ask `url` about `clips`; `limit` is how much each may ask for in a minute."""
        self.seen = Seen()
        self._limit = limit
        self._rng = random.Random(seed)
        self._clips = [clip.read_bytes() for clip in clips]
        self._bad = [*BAD, self._clips[0][: len(self._clips[0]) // 3]]
        limits = httpx.Limits(max_keepalive_connections=20, keepalive_expiry=CONNECTIONS.keepalive_expiry)
        self._clients = [
            httpx.AsyncClient(
                base_url=url,
                timeout=300,
                transport=httpx.AsyncHTTPTransport(local_address=f"127.0.1.{number + 1}", limits=limits),
            )
            for number in range(ADDRESSES + 1)
        ]

    async def ask(self, per_second: float, seconds: float) -> None:
        """Ask so often, for so long, and wait for every answer; gaps are those of a Poisson process.

        A service that has refused no analysis by the end of a quarter can do more than was measured, on a machine that
        was busier then: it is asked for twice as much from there on.
        """
        loop = asyncio.get_running_loop()
        begun_s = next_s = loop.time()
        look_s = begun_s + seconds / 4
        under_way = {asyncio.create_task(self._greedy_at_once())}
        while next_s < begun_s + seconds:
            await asyncio.sleep(max(0.0, next_s - loop.time()))
            if next_s >= look_s:
                per_second *= 1 if self.seen.shed else 2
                look_s += seconds / 4
            next_s += self._rng.expovariate(per_second)
            if len(under_way) >= _IN_FLIGHT:
                continue
            [kind] = self._rng.choices(list(WEIGHTS), list(WEIGHTS.values()))
            self.seen.asked[kind] += 1
            task = asyncio.create_task(self._one(kind))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
        await asyncio.gather(*under_way)

    async def close(self) -> None:
        for client in self._clients:
            await client.aclose()

    async def ends(self, limit_s: float) -> dict[str, str]:
        """State of every accepted job, once all have ended, or when the time is up."""
        until_s = time.monotonic() + limit_s
        states: dict[str, str] = {}
        while time.monotonic() < until_s:
            for job_id in self.seen.accepted:
                if job_id not in states:
                    told = (await self._clients[0].get(f"/v1/jobs/{job_id}")).json()
                    if told["finished_at"] is not None:
                        states[job_id] = told["state"]
            if len(states) == len(self.seen.accepted):
                break
            await asyncio.sleep(0.2)
        return states

    async def _greedy_at_once(self) -> None:
        """More than a minute allows, at once: twice that, since a minute may turn meanwhile, and the count with it."""
        await asyncio.gather(*(self._one(Kind.GREEDY, 1) for _ in range(2 * self._limit + 3)))

    async def _one(self, kind: Kind, times: int = 10) -> None:
        client = self._rng.choice(self._clients[:-1])
        try:
            match kind:
                case Kind.PREDICT:
                    await self._predict(client)
                case Kind.JOB:
                    await self._job(client)
                case Kind.EVENTS:
                    await self._events(client)
                case Kind.REPORT:
                    await self._report(client)
                case Kind.BAD_FILE:
                    await self._bad_file(client)
                case Kind.GREEDY:
                    await self._greedy(times)
        except httpx.HTTPError as error:
            self.seen.faults.append(f"{kind}: {error!r}")

    async def _predict(self, client: httpx.AsyncClient) -> None:
        begun_s = time.monotonic()
        answer = await client.post("/predict", files={"file": self._rng.choice(self._clips)})
        if self.seen.note(Kind.PREDICT, answer, (200,)):
            self.seen.predict_s.append(time.monotonic() - begun_s)

    async def _job(self, client: httpx.AsyncClient, content: bytes | None = None, kind: Kind = Kind.JOB) -> None:
        content = self._rng.choice(self._clips) if content is None else content
        answer = await client.post("/v1/jobs", params={"force": True}, files={"file": content})
        if self.seen.note(kind, answer, (202,) if kind is Kind.JOB else (202, *BAD_ANSWERS)) and answer.is_success:
            self.seen.accepted += [job["id"] for job in answer.json()["jobs"]]

    async def _events(self, client: httpx.AsyncClient) -> None:
        if not self.seen.accepted:
            return
        job_id = self._rng.choice(self.seen.accepted[-20:])
        async with client.stream("GET", f"/v1/jobs/{job_id}/events") as answer:
            text = "".join([part async for part in answer.aiter_text()])
        if self.seen.note(Kind.EVENTS, answer, (200, 204)):
            self.seen.streams += "event: result" in text

    async def _report(self, client: httpx.AsyncClient) -> None:
        if not self.seen.accepted:
            return
        job_id = self._rng.choice(self.seen.accepted)
        path = self._rng.choice(("", "/report.html", "/artifacts"))
        self.seen.note(Kind.REPORT, await client.get(f"/v1/jobs/{job_id}{path}"), (200, 409))

    async def _bad_file(self, client: httpx.AsyncClient) -> None:
        content = self._rng.choice(self._bad)
        if self._rng.random() < 0.5:
            await self._job(client, content, Kind.BAD_FILE)
            return
        self.seen.note(Kind.BAD_FILE, await client.post("/predict", files={"file": content}), BAD_ANSWERS)

    async def _greedy(self, times: int) -> None:
        """One who asks many times in a row, with files that cost nothing."""
        for _ in range(times):
            answer = await self._clients[-1].post("/predict", files={"file": BAD[1]})
            self.seen.note(Kind.GREEDY, answer, BAD_ANSWERS)
