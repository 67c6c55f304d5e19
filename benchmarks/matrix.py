"""Analysis beside a plain decode, over sizes, codecs, keyframe distances and numbers of faces (``make bench-matrix``).

From a base clip each property is changed in turn (`benchmarks.points`). Contenders take turns, each in a fresh process
with the same number of threads; ratios are taken within a turn. Memory is that of all processes of an analysis, from a
run of its own.
"""

import argparse
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import markdown
from benchmarks.clip import bitrate_mbps
from benchmarks.plots import columns, write_plots
from benchmarks.points import AXES, BASE, Point, missing_codecs, points
from benchmarks.running import clip_in, peak_of_all_mb, run_contender, tell
from benchmarks.spread import in_words, spread

from dfd.processors import available_cpus

QUICK_SECONDS = 2.0

Row = dict[str, Any]
Turn = dict[str, dict[str, Any]]


def measure(point: Point, clip: Path, repeat: int, threads: int) -> Row:
    """Everything about one clip."""
    names = ("analysis", "decode", "naive") if point.naive else ("analysis", "decode")
    run_contender("decode", clip, threads)  # the file is in the page cache for all of them
    turns = [{name: run_contender(name, clip, threads) for name in names} for _ in range(repeat)]
    return summarise(turns) | {
        "axis": point.axis,
        "name": point.name,
        "size_px": list(point.spec.size_px),
        "codec": point.spec.codec,
        "mbps": bitrate_mbps(clip),
        "peak_mb": peak_of_all_mb("analysis", clip, threads),
    }


def summarise(turns: Sequence[Turn]) -> Row:
    """Turn the runs of one clip into medians and ratios with their spread; without the naive pipeline, None for it."""
    row: Row = {
        "seconds": {name: spread([turn[name]["seconds"] for turn in turns]) for name in turns[0]},
        "analysis_to_decode": spread([turn["analysis"]["seconds"] / turn["decode"]["seconds"] for turn in turns]),
        "cpu_to_decode": spread([turn["analysis"]["cpu_s"] / turn["decode"]["cpu_s"] for turn in turns]),
        "naive_to_analysis": None,
        "sampled_frames": turns[0]["analysis"]["sampled_frames"],
        "scored_faces": turns[0]["analysis"]["scored_faces"],
    }
    if "naive" in turns[0]:
        row["naive_to_analysis"] = spread([turn["naive"]["seconds"] / turn["analysis"]["seconds"] for turn in turns])
    return row


def measure_all(folder: Path, repeat: int, threads: int, seconds: float, only: Sequence[str] = ()) -> Row:
    """Make the clips that `folder` lacks, and measure them.

    Args:
        folder: where the clips are kept.
        repeat: turns.
        threads: of each contender.
        seconds: length of the clips.
        only: properties to measure; empty for all.
    """
    rows = []
    for point in points(seconds):
        if not only or point.axis in only:
            clip = clip_in(folder, f"{point.key}-{seconds:g}s", point.spec)
            tell(f"{point.axis}: {point.name}")
            rows.append(measure(point, clip, repeat, threads))
    return {
        "rows": rows,
        "repeat": repeat,
        "threads": threads,
        "clip_seconds": seconds,
        "missing_codecs": missing_codecs(),
    }


def table(results: Row) -> str:
    """The rows for people, in Markdown."""
    head = (
        "",
        "",
        "Mbit/s",
        "faces scored",
        "decode, s",
        "analysis / decode",
        "in processor time",
        "naive / analysis",
        "peak MB",
    )
    rows = [
        (
            row["axis"],
            row["name"],
            f"{row['mbps']:.1f}",
            f"{row['scored_faces']}",
            f"{row['seconds']['decode']['median']:.2f}",
            in_words(row["analysis_to_decode"]),
            in_words(row["cpu_to_decode"]),
            "" if row["naive_to_analysis"] is None else in_words(row["naive_to_analysis"]),
            f"{row['peak_mb']:.0f}",
        )
        for row in results["rows"]
    ]
    lines = [*markdown.table(head, rows, words=2), ""]
    lines += [f"{results['repeat']} turns, {results['threads']} threads, clips of {results['clip_seconds']:g} s"]
    if results["missing_codecs"]:
        lines.append(f"not measured, since nothing here writes them: {', '.join(results['missing_codecs'])}")
    return "\n".join(lines)


def plots(results: Row) -> dict[str, str]:
    """File name and SVG of each plot."""
    names = {id(row): row["name"] if row["axis"] != "faces" else f"{row['name']} faces" for row in results["rows"]}
    ratios = [(names[id(row)], row["analysis_to_decode"]) for row in results["rows"]]
    cpu = [(names[id(row)], row["cpu_to_decode"]) for row in results["rows"]]
    naive = [(names[id(row)], row["naive_to_analysis"]) for row in results["rows"] if row["naive_to_analysis"]]
    memory = [(names[id(row)], spread([row["peak_mb"]])) for row in results["rows"]]
    drawn = {
        "matrix-decode.svg": columns("Analysis against a plain decode, by clip", "analysis / decode", ratios, 0.7),
        "matrix-processor.svg": columns("The same in processor time", "analysis / decode, processor time", cpu),
        "matrix-memory.svg": columns("Peak memory of an analysis, by clip", "MB", memory),
    }
    if naive:
        title = "The naive pipeline against the analysis, by clip"
        drawn["matrix-naive.svg"] = columns(title, "naive / analysis", naive, 7.0)
    return drawn


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=3, help="turns (default 3)")
    parser.add_argument("--threads", type=int, default=available_cpus(), help="threads of each contender")
    parser.add_argument("--clips", type=Path, help="folder that keeps the clips for the next time")
    parser.add_argument("--only", action="append", default=[], choices=AXES, help="measure this property alone")
    parser.add_argument("--plots", type=Path, help="folder that gets the plots as SVG files")
    parser.add_argument("--out", type=Path, help="file that gets the figures as JSON")
    parser.add_argument("--quick", action="store_true", help="short clips and one turn, to see that it works")
    parser.add_argument("--json", action="store_true", help="print JSON in place of the table")
    options = parser.parse_args(arguments)
    seconds, repeat = (QUICK_SECONDS, 1) if options.quick else (BASE.seconds, options.repeat)
    with tempfile.TemporaryDirectory(prefix="dfd-bench-") as temporary:
        folder = options.clips or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        results = measure_all(folder, repeat, options.threads, seconds, options.only)
    text = json.dumps(results, indent=2)
    if options.out:
        options.out.write_text(text + "\n", encoding="utf-8")
    if options.plots:
        write_plots(options.plots, plots(results))
    print(text if options.json else table(results))


if __name__ == "__main__":
    main()
