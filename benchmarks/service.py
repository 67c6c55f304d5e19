"""Throughput of ``dfd serve`` with eight clients beside that of the bare library (``make bench-service``).

Both analyse the same clip equally often on the same processors, in turn. The service is as it comes (two analyses at
once); its clients send the next clip as soon as they have an answer, and come back when the service says so. They are
threads of this process and take part of the same processors, as little as can be: the body of the request is made once.
The library runs in a process without HTTP, in three arrangements of workers and threads, of which the fastest counts.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Final

import httpx
from benchmarks.clip import COLD_START
from benchmarks.goals import goals_table, judged
from benchmarks.health_under_jobs import served
from benchmarks.running import ROOT, clip_in, processor_time_of_all_s, tell
from benchmarks.spread import in_words, spread

CLIENTS: Final = 8
COUNT: Final = 48
"""Analyses of each in a turn."""
ARRANGEMENTS: Final = {"1 x 2 threads": (1, 2), "2 x 1 thread": (2, 1), "2 x 2 threads": (2, 2)}
SERVICE: Final = "service"

Work = dict[str, float]


def bare(arrangement: tuple[int, int], clip: Path, count: int) -> Work:
    """What the library does: analyses a second, and processor seconds of each."""
    workers, threads = arrangement
    command = [sys.executable, "-m", "benchmarks.bare", str(count), str(clip)]
    command += ["--workers", str(workers), "--threads", str(threads)]
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    result = json.loads(done.stdout)
    return {"per_s": count / result["seconds"], "cpu_s": result["cpu_s"] / count}


def service(clip: Path, count: int, settings: Mapping[str, str]) -> Work:
    """The same of the service, and how often it sent clients away for now."""
    form = httpx.Request("POST", "http://service/predict", files={"file": ("clip.mp4", clip.read_bytes())})
    body, kind = form.read(), form.headers["content-type"]
    with tempfile.TemporaryDirectory(prefix="dfd-bench-") as folder, served(Path(folder), settings) as (url, pid):
        _ask(url, body, kind, CLIENTS, CLIENTS)  # the first analyses load what later ones have
        used_s, started_s = processor_time_of_all_s(pid), time.perf_counter()
        refused, ended_s = _ask(url, body, kind, CLIENTS, count)
        used_s = processor_time_of_all_s(pid) - used_s
    return {"per_s": count / (ended_s - started_s), "cpu_s": used_s / count, "refused": float(refused)}


def _ask(url: str, body: bytes, kind: str, clients: int, count: int) -> tuple[int, float]:
    """Have `count` clips analysed by so many clients.

    Returns:
        how many requests were refused in between, and when the last answer came: a client that waits for its turn
        may find then that nothing is left.
    """
    wanted: SimpleQueue[int] = SimpleQueue()
    for number in range(count):
        wanted.put(number)

    def client(_: int) -> tuple[int, float]:
        refused, last_s = 0, 0.0
        with httpx.Client(base_url=url, timeout=300) as session:
            while True:
                try:
                    number = wanted.get_nowait()
                except Empty:
                    return refused, last_s
                answer = session.post("/predict", content=body, headers={"Content-Type": kind})
                if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE:
                    wanted.put(number)  # others may take it meanwhile
                    refused += 1
                    time.sleep(float(answer.headers["Retry-After"]))
                else:
                    answer.raise_for_status()
                    last_s = time.perf_counter()

    with ThreadPoolExecutor(clients) as pool:
        refusals, ends_s = zip(*pool.map(client, range(clients)), strict=True)
    return sum(refusals), max(ends_s)


def summarise(turns: Sequence[Mapping[str, Work]]) -> dict[str, Any]:
    """Turn the turns into medians, and the ratio to the arrangement of the library whose median is the best."""
    speeds = {name: spread([turn[name]["per_s"] for turn in turns]) for name in (*ARRANGEMENTS, SERVICE)}
    best = max(ARRANGEMENTS, key=lambda name: speeds[name]["median"])
    results: dict[str, Any] = {
        "per_s": speeds,
        "cpu_s": {name: spread([turn[name]["cpu_s"] for turn in turns]) for name in speeds},
        "best": best,
        "service_to_library": spread([turn[SERVICE]["per_s"] / turn[best]["per_s"] for turn in turns]),
        "cpu_to_library": spread([turn[SERVICE]["cpu_s"] / turn[best]["cpu_s"] for turn in turns]),
        "refused": max(turn[SERVICE]["refused"] for turn in turns),
    }
    return results | {"goals": judged(results)}


def measure(folder: Path, repeat: int, count: int, settings: Mapping[str, str]) -> dict[str, Any]:
    """Let them take turns on five seconds of 720p.

    Args:
        folder: where the clip is kept.
        repeat: turns.
        count: analyses of each in a turn.
        settings: of the service, by their names in the environment.
    """
    clip = clip_in(folder, "cold_start", COLD_START)
    turns = []
    for number in range(repeat):
        tell(f"turn {number + 1} of {repeat}")
        turn = {name: bare(arrangement, clip, count) for name, arrangement in ARRANGEMENTS.items()}
        turns.append(turn | {SERVICE: service(clip, count, settings)})
    return summarise(turns) | {"repeat": repeat, "count": count}


def table(results: Mapping[str, Any]) -> str:
    """The figures for people, in Markdown."""
    lines = ["| 5 s of 720p | analyses a second | processor seconds each |", "|---|---:|---:|"]
    for name, speed in results["per_s"].items():
        label = f"service, {CLIENTS} clients" if name == SERVICE else f"library, {name}"
        lines.append(f"| {label} | {in_words(speed)} | {in_words(results['cpu_s'][name])} |")
    ratio, of_cpu = in_words(results["service_to_library"]), in_words(results["cpu_to_library"])
    lines.append(f"| service / library, {results['best']} | {ratio} | {of_cpu} |")
    refused = f"at most {results['refused']:.0f} requests of a turn refused for now"
    note = f"{results['repeat']} turns of {results['count']} analyses; {refused}"
    return "\n".join([*lines, "", note])


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=5, help="turns (default 5)")
    parser.add_argument("--count", type=int, default=COUNT, help=f"analyses of each in a turn (default {COUNT})")
    parser.add_argument("--clips", type=Path, help="folder that keeps the clip for the next time")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of the service")
    parser.add_argument("--out", type=Path, help="file that gets the figures as JSON")
    parser.add_argument("--quick", action="store_true", help="few analyses and one turn, to see that it works")
    parser.add_argument("--json", action="store_true", help="print JSON in place of the table")
    options = parser.parse_args(arguments)
    settings = dict(pair.split("=", 1) for pair in options.set)
    repeat, count = (1, CLIENTS) if options.quick else (options.repeat, options.count)
    with tempfile.TemporaryDirectory(prefix="dfd-bench-") as temporary:
        folder = options.clips or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        results = measure(folder, repeat, count, settings)
    text = json.dumps(results, indent=2)
    if options.out:
        options.out.write_text(text + "\n", encoding="utf-8")
    print(text if options.json else f"{table(results)}\n\n{goals_table(results)}")


if __name__ == "__main__":
    main()
