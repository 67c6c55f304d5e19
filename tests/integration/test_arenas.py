"""Processes that run for long take memory from as few arenas as the settings say."""

import re
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Final

import pytest
from tests.cli_process import paint
from tests.integration.test_jobs_processes import SOON_S, Place, job_of, submit
from tests.live_service import until

_HEAP_BYTES: Final = 64 << 20
"""``HEAP_MAX_SIZE`` of glibc on 64 bits: heaps, but for those of the first arena, lie at multiples of it, and what they
do not use yet is locked."""

_AT_ONCE: Final = 8


def _arenas(pid: int) -> int:
    """Arenas of a process with a heap that is not used up; at least 1, the first, whose heap lies elsewhere."""
    text = Path(f"/proc/{pid}/maps").read_text()
    found = re.finditer(r"^(\w+)-(\w+) (\S+) \S+ \S+ 0 *$", text, re.MULTILINE)
    maps = [(int(one[1], 16), int(one[2], 16), str(one[3])) for one in found]
    return 1 + sum(
        used[0] % _HEAP_BYTES == 0 and rest == (used[1], used[0] + _HEAP_BYTES, "---p") for used, rest in pairwise(maps)
    )


def _arenas_at_work(folder: Path, settings: str) -> tuple[int, int]:
    """Arenas of a service whose callers come at once, and of a worker that works on four of their jobs at a time."""
    folder.mkdir()
    (folder / ".env").write_text(settings)  # where glibc does not look by itself
    paint(folder / "clip.avi", 150, 255)
    place = Place(folder, JOB_WORKERS="0")
    with place.service() as (service, client), ThreadPoolExecutor(_AT_ONCE) as callers:
        clips = [folder / "clip.avi"] * _AT_ONCE
        jobs = list(callers.map(lambda path: submit(client, path, force=True), clips))
        with place.process("worker", JOB_WORKERS="4") as worker:
            until(lambda: all(job_of(client, job)["finished_at"] for job in jobs), SOON_S)
            return _arenas(service.pid), _arenas(worker.pid)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="glibc's arenas")
def test_a_service_and_a_worker_keep_to_two_arenas_and_to_more_where_they_are_allowed(tmp_path: Path) -> None:
    assert max(_arenas_at_work(tmp_path / "two", "")) <= 2
    assert min(_arenas_at_work(tmp_path / "any", "MALLOC_ARENA_MAX=0\n")) > 2
