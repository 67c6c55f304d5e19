"""Every benchmark that has goals, one after the other, and all goals in one table (``make bench-all``).

It takes an hour or so on two cores and 5 GB of disk; ``--quick`` is to see that it works. What needs a graphics card is
measured where ONNX Runtime can use one.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import analysis, gpu, lengths, matrix, service
from benchmarks.goals import GOALS, goals_table
from benchmarks.plots import write_plots
from benchmarks.points import BASE

from dfd.onnx_sessions import missing_for_cuda
from dfd.processors import available_cpus


def measure(folder: Path, threads: int, *, quick: bool) -> dict[str, dict[str, Any]]:
    """The results of every part, by its name.

    Args:
        folder: where clips are kept.
        threads: of each contender.
        quick: a turn of each on short clips.
    """
    turns = 1 if quick else 3
    seconds = matrix.QUICK_SECONDS if quick else BASE.seconds
    count = service.CLIENTS if quick else service.COUNT
    found = {
        "analysis": analysis.measure(folder, turns, threads, quick=quick),
        "matrix": matrix.measure_all(folder, turns, threads, seconds),
        "lengths": lengths.measure_all(lengths.QUICK if quick else lengths.LENGTHS, folder, turns, threads),
        "service": service.measure(folder, turns, count, {}),
    }
    if not missing_for_cuda():
        found["gpu"] = gpu.measure(folder, turns, gpu.CALLERS)
    return found


def figures(found: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """What there are goals for, of all parts."""
    named = {goal.name for goal in GOALS}
    return {name: value for part in found.values() for name, value in part.items() if name in named}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=available_cpus(), help="threads of each contender")
    parser.add_argument("--clips", type=Path, help="folder that keeps the clips for the next time")
    parser.add_argument("--plots", type=Path, help="folder that gets the plots as SVG files")
    parser.add_argument("--out", type=Path, help="file that gets the figures as JSON")
    parser.add_argument("--quick", action="store_true", help="short clips and one turn, to see that it works")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="dfd-bench-") as temporary:
        folder = options.clips or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        found = measure(folder, options.threads, quick=options.quick)
    if options.out:
        options.out.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    if options.plots:
        write_plots(options.plots, matrix.plots(found["matrix"]) | lengths.plots(found["lengths"]))
    tables = [part.table(found[name]) for name, part in _PARTS.items() if name in found]
    sys.stdout.write("\n\n".join([*tables, goals_table(figures(found))]) + "\n")


_PARTS = {"analysis": analysis, "matrix": matrix, "lengths": lengths, "service": service, "gpu": gpu}


if __name__ == "__main__":
    main()
