"""How contenders are run: each in a fresh process, on clips that are made once and kept."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.clip import ClipSpec, make_clip
from tests.load.memory import MemoryWatch

ROOT = Path(__file__).resolve().parents[1]

_TICKS_HZ = os.sysconf("SC_CLK_TCK")
_LOOK_S = 0.05  # between two looks at the memory


def run_contender(
    name: str, clip: Path, threads: int, *, until_s: float | None = None, settings: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """One contender in a process of its own.

    Args:
        name: see `benchmarks.contenders`, for the fields of the answer too.
        clip: what it is given.
        threads: that it may use.
        until_s: how much of the clip the plain decode reads; None is all.
        settings: of DFD, by their names in the environment.
    """
    done = subprocess.run(
        _command(name, clip, threads, until_s),
        cwd=ROOT,
        env={**os.environ, **(settings or {})},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    result: dict[str, Any] = json.loads(done.stdout)
    return result


@contextmanager
def beside(run: Callable[[threading.Event], None]) -> Iterator[None]:
    """Run something in a thread for as long as the block lasts; it is given what tells it to end."""
    over = threading.Event()
    thread = threading.Thread(target=run, args=(over,))
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def run_stages(clip: Path) -> dict[str, float]:
    """Milliseconds of processor time by stage; see `benchmarks.stages`."""
    command = [sys.executable, "-m", "benchmarks.stages", str(clip)]
    stages: dict[str, float] = json.loads(subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout)
    return stages


def peak_of_all_mb(name: str, clip: Path, threads: int, settings: Mapping[str, str] | None = None) -> float:
    """Most memory of a contender and of the processes that it starts, those that decode above all, in 10^6 bytes.

    A run of its own: looking twenty times a second costs time. Pages that processes share count once.
    """
    command = _command(name, clip, threads, None)
    with subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, **(settings or {})}, stdout=subprocess.DEVNULL
    ) as process:
        watch = MemoryWatch(process.pid, _LOOK_S)
        with watch.watching():
            status = process.wait()
    if status:
        raise subprocess.CalledProcessError(status, command)
    return max(size for _, size in watch.samples) / 1e6


def processor_time_of_all_s(pid: int) -> float:
    """Processor time of a process and of all that it has started, in steps of 10 ms (Linux, proc(5))."""
    total_s, waiting = 0.0, [pid]
    while waiting:
        folder = Path(f"/proc/{waiting.pop()}")
        try:
            fields = (folder / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
            tasks = [(task / "children").read_text(encoding="ascii") for task in (folder / "task").iterdir()]
        except OSError:  # it ends at this moment: its time is its parent's now
            continue
        total_s += sum(map(int, fields[11:15])) / _TICKS_HZ  # of its own, and of children that have ended
        waiting += [int(child) for children in tasks for child in children.split()]
    return total_s


def run_cold_cli(clip: Path) -> float:
    """Wall seconds of ``dfd predict`` from the start of the process to its end."""
    command = [str(Path(sys.executable).with_name("dfd")), "predict", str(clip), "--json"]
    started = time.perf_counter()
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def clip_in(folder: Path, name: str, spec: ClipSpec) -> Path:
    """The clip of a name, made if the folder lacks it."""
    path = folder / f"{name}.mp4"
    if not path.exists():
        tell(f"making {path.name}")
        half = path.with_name(f"half-{path.name}")  # an interrupted run leaves no clip that only looks complete
        make_clip(half, spec)
        half.rename(path)
    return path


def tell(message: str) -> None:
    """Say how far it is, beside the results."""
    print(message, file=sys.stderr, flush=True)


def _command(name: str, clip: Path, threads: int, until_s: float | None) -> list[str]:
    command = [sys.executable, "-m", "benchmarks.contenders", name, str(clip), "--threads", str(threads)]
    return command if until_s is None else [*command, "--until-s", str(until_s)]
