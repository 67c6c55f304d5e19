"""How long jobs take beyond their analyses, and how many workers do in a time (part of ``benchmarks.jobs``)."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.spread import Spread, spread

from dfd.bootstrap import analysis_options, build_parts
from dfd.bootstrap.jobs import JobParts, build_job_parts
from dfd.job import Job, JobState
from dfd.jobs.desk import JobDesk
from dfd.jobs.request import JobRequest, ReceivedFile
from dfd.ports import JobFilter
from dfd.settings import Settings, load_settings

ROOT: Final = Path(__file__).resolve().parents[1]
LIMIT_S: Final = 300.0
"""Longest wait for a worker to start or a job to end."""

_LOOK_S: Final = 0.001
_IDLE_S: Final = 0.3  # until the worker has seen that there is nothing more, and waits to be woken
_TICKS_A_SECOND: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Crew:
    """Workers to be measured.

    Attributes:
        processes: ``dfd worker`` processes.
        workers: of each process, ``--workers``.
        threads: of each analysis, ``THREADS``.
    """

    processes: int
    workers: int
    threads: int


class Place:
    """A folder with a table of jobs, its files, and processes that work there."""

    def __init__(self, folder: Path, **environment: str) -> None:
        """Work in `folder`, with these settings and no others."""
        self.folder = folder
        self.environment = {"DATA_DIR": str(folder / "data"), "LOG_LEVEL": "WARNING", **environment}

    def settings(self, **more: Any) -> Settings:
        """The settings of this process, the same as those of the others."""
        named = {name.lower(): value for name, value in self.environment.items()}
        return load_settings(**named, **more)

    @contextmanager
    def worker(self, workers: int, threads: int) -> Iterator["subprocess.Popen[bytes]"]:
        """A ``dfd worker`` that is told to stop at the end."""
        kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "TMPDIR")}
        environment = {**kept, "PYTHONPATH": str(ROOT / "src"), "THREADS": str(threads), **self.environment}
        command = [sys.executable, "-m", "dfd.cli", "worker", "--workers", str(workers)]
        with subprocess.Popen(command, cwd=self.folder, env=environment) as process:
            try:
                yield process
            finally:
                process.terminate()
                with suppress(subprocess.TimeoutExpired):
                    process.wait(LIMIT_S)


def overhead_embedded(place: Place, clip: Path, jobs: int) -> dict[str, Spread]:
    """Jobs one after the other, worked on by a worker of this process; see `overhead`."""
    settings = place.settings()
    job_parts = build_job_parts(settings)
    crew = job_parts.crew(build_parts(settings).analyzer().analyze, 1)
    crew.start()
    try:
        return overhead(job_parts, settings, clip, jobs)
    finally:
        crew.stop()
        job_parts.store.close()


def overhead_elsewhere(place: Place, clip: Path, jobs: int) -> dict[str, Spread]:
    """Jobs one after the other, worked on by a ``dfd worker``; see `overhead`."""
    settings = place.settings()
    job_parts = build_job_parts(settings)
    try:
        with place.worker(1, 0):
            return overhead(job_parts, settings, clip, jobs)
    finally:
        job_parts.queue.close()
        job_parts.store.close()


def overhead(job_parts: JobParts, settings: Settings, clip: Path, jobs: int) -> dict[str, Spread]:
    """Hand in one job at a time to an idle queue.

    Returns:
        milliseconds: ``submit`` from the call to its return, ``wall`` from there until the table says `succeeded`,
        ``analysis`` as the report has it, and ``overhead``, the difference of the last two of a job.
    """
    desk, request = job_parts.desk(None), JobRequest(analysis_options(settings))
    seen: dict[str, list[float]] = {"submit": [], "wall": [], "analysis": [], "overhead": []}
    for number in range(jobs + 1):
        begun_s = time.perf_counter()
        [job] = desk.submit([received(clip)], request)
        accepted_s = time.perf_counter()
        await_end(desk, job.job_id)
        wall_ms = (time.perf_counter() - accepted_s) * 1000
        analysis_ms = json.loads(desk.report(job.job_id))["timings_ms"]["total"]
        if number:  # the first loads what is loaded once
            seen["submit"].append((accepted_s - begun_s) * 1000)
            seen["wall"].append(wall_ms)
            seen["analysis"].append(analysis_ms)
            seen["overhead"].append(wall_ms - analysis_ms)
        time.sleep(_IDLE_S)
    return {name: spread(values) for name, values in seen.items()}


def throughput(folder: Path, crew: Crew, clips: Sequence[Path], jobs: int) -> dict[str, float]:
    """Let workers do `jobs` analyses, of the clips in turn.

    Returns:
        ``jobs_per_s`` from the first claim to the last end, and ``busy_cores``, the processors' time that the workers
        took for each second of it.
    """
    place = Place(folder)
    settings = place.settings()
    job_parts = build_job_parts(settings)
    desk, request = job_parts.desk(None), JobRequest(analysis_options(settings))
    with ExitStack() as stack:
        stack.callback(job_parts.store.close)
        workers = [stack.enter_context(place.worker(crew.workers, crew.threads)) for _ in range(crew.processes)]
        _warm_up(desk, request, clips[0], crew.processes)
        used_s = sum(map(processor_time_s, workers))
        files = [received(clips[number % len(clips)]) for number in range(jobs)]
        accepted = desk.submit(files, request)
        ended = [await_end(desk, job.job_id) for job in accepted]
        used_s = sum(map(processor_time_s, workers)) - used_s
    span_s = max(job.finished_at_s or 0.0 for job in ended) - min(job.started_at_s or 0.0 for job in ended)
    return {"jobs_per_s": jobs / span_s, "busy_cores": used_s / span_s}


def _warm_up(desk: JobDesk, request: JobRequest, clip: Path, processes: int) -> None:
    """Give out jobs until every process has done one."""
    deadline_s = time.monotonic() + LIMIT_S
    seen: set[str] = set()
    while len(seen) < processes:
        if time.monotonic() > deadline_s:
            raise RuntimeError("the workers did not start in time")
        accepted = desk.submit([received(clip)] * (2 * processes), request)
        ended = [await_end(desk, job.job_id) for job in accepted]
        seen |= {str(job.worker).rpartition("-")[0] for job in ended}


def await_end(desk: JobDesk, job_id: str) -> Job:
    """Look at a job again and again until it has succeeded."""
    deadline_s = time.monotonic() + LIMIT_S
    while not (job := desk.get(job_id)).ended:
        if time.monotonic() > deadline_s:
            waiting, _ = desk.page(JobFilter(frozenset({JobState.QUEUED})), 9)
            raise RuntimeError(f"job {job_id} is {job.state.value}, and {len(waiting)} or more wait")
        time.sleep(_LOOK_S)
    if job.state is not JobState.SUCCEEDED:
        raise RuntimeError(f"job {job_id} has {job.state.value}: {job.failure}")
    return job


def received(clip: Path) -> ReceivedFile:
    """A clip as if it had been uploaded; without a model at the desk its hash is only written down."""
    return ReceivedFile(clip, "0" * 64, clip.stat().st_size)


def processor_time_s(process: "subprocess.Popen[bytes]") -> float:
    """User and system time of a running process and all its threads (Linux, proc(5))."""
    fields = Path(f"/proc/{process.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_A_SECOND


def ratio(turns: Sequence[Mapping[str, Mapping[str, float]]], one: str, other: str) -> Spread:
    """Jobs a second of one crew to those of another, taken within each turn."""
    return spread([turn[one]["jobs_per_s"] / turn[other]["jobs_per_s"] for turn in turns])
