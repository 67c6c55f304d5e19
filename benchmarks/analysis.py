"""Time the whole analysis beside a plain decode and a naive pipeline (``make bench``).

Every run is a fresh process with the same number of threads; the contenders take turns, so that a change in the
machine's load meets all of them. A ratio is taken within a turn; its spread is the smallest and the largest of the
turns. See ``benchmarks/README.md`` for what is measured and on what.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.clip import COLD_START, FOUR_K, FULL_HD, TEN_MINUTES, bitrate_mbps
from benchmarks.goals import goals_table, judged
from benchmarks.running import clip_in, peak_of_all_mb, run_cold_cli, run_contender, run_stages, tell
from benchmarks.spread import Spread, spread
from benchmarks.stages import table as stages_table

from dfd.processors import available_cpus

TURN = ("analysis", "decode", "naive")

Results = dict[str, Any]


def summarise(turns: Sequence[dict[str, dict[str, float]]]) -> Results:
    """Turn the runs into medians, ratios with their spread, and peak memory."""
    return {
        "seconds": {name: spread([turn[name]["seconds"] for turn in turns]) for name in TURN},
        "peak_mb": {name: max(turn[name]["peak_mb"] for turn in turns) for name in TURN},
        "analysis_to_decode": spread([turn["analysis"]["seconds"] / turn["decode"]["seconds"] for turn in turns]),
        "cpu_to_decode": spread([turn["analysis"]["cpu_s"] / turn["decode"]["cpu_s"] for turn in turns]),
        "naive_to_analysis": spread([turn["naive"]["seconds"] / turn["analysis"]["seconds"] for turn in turns]),
        "sampled_frames": {name: turns[0][name]["sampled_frames"] for name in ("analysis", "naive")},
        "scored_faces": {name: turns[0][name]["scored_faces"] for name in ("analysis", "naive")},
    }


def measure(folder: Path, repeat: int, threads: int, *, quick: bool) -> Results:
    """Make the clips that `folder` lacks and run everything.

    Args:
        folder: where the clips are kept.
        repeat: number of turns.
        threads: for every contender.
        quick: a clip that is soon made, and no memory of large or long ones: to see that it works.
    """
    main_spec = replace(FULL_HD, seconds=4.0, repeats=5) if quick else FULL_HD
    main_clip = clip_in(folder, "quick" if quick else "full_hd", main_spec)
    cold_clip = clip_in(folder, "cold_start", COLD_START)
    turns = []
    cold: list[float] = []
    short: list[float] = []
    run_contender("decode", main_clip, threads)  # the file is in the page cache for all of them
    for number in range(repeat):
        tell(f"turn {number + 1} of {repeat}")
        turns.append({name: run_contender(name, main_clip, threads) for name in TURN})
        cold.append(run_cold_cli(cold_clip))
        warm, decode = (run_contender(name, cold_clip, threads) for name in ("warm", "decode"))
        short.append((warm["seconds"] - decode["seconds"]) * 1000)
    results = summarise(turns)
    results["short_extra_ms"] = spread(short)
    results["cold_cli_seconds"] = spread(cold)
    results["threads"], results["repeat"] = threads, repeat
    results["clip_mbps"] = bitrate_mbps(main_clip)
    results["stages_ms"] = run_stages(main_clip)
    results["peak_mb"]["analysis"] = peak_of_all_mb("analysis", main_clip, threads)
    if not quick:
        for key, spec in (("four_k", FOUR_K), ("ten_minutes", TEN_MINUTES)):
            clip = clip_in(folder, key, spec)
            tell(f"memory: {key}")
            results["peak_mb"][key] = peak_of_all_mb("analysis", clip, threads)
    results["analysis_peak_mb"] = results["peak_mb"]["analysis"]
    results["goals"] = judged(results)
    return results


def table(results: Results) -> str:
    """The results for people."""
    rows = [("", "median", "min", "max", "peak MB")]
    labels = {"analysis": "whole analysis, s", "decode": "plain full decode, s", "naive": "naive pipeline, s"}
    for name, label in labels.items():
        rows.append((label, *_cells(results["seconds"][name]), f"{results['peak_mb'][name]:.0f}"))
    rows.append(("cold `dfd predict`, 5 s of 720p, s", *_cells(results["cold_cli_seconds"]), ""))
    rows.append(("analysis / decode", *_cells(results["analysis_to_decode"]), ""))
    rows.append(("the same in processor time", *_cells(results["cpu_to_decode"]), ""))
    rows.append(("naive / analysis", *_cells(results["naive_to_analysis"]), ""))
    for key, label in (("four_k", "analysis of 4K"), ("ten_minutes", "analysis of ten minutes, 360p")):
        if key in results["peak_mb"]:
            rows.append((label, "", "", "", f"{results['peak_mb'][key]:.0f}"))
    head, *body = [f"| {row[0]:34} | " + " | ".join(f"{cell:>7}" for cell in row[1:]) + " |" for row in rows]
    rule = f"|{'-' * 36}|" + "|".join(["--------:"] * 4) + "|"
    faces = ", ".join(f"{name} {count:.0f}" for name, count in results["scored_faces"].items())
    note = (
        f"{results['repeat']} turns, {results['threads']} threads, clip at {results['clip_mbps']:.1f} Mbit/s; "
        f"faces scored: {faces}"
    )
    stages = ["", stages_table(results["stages_ms"])] if "stages_ms" in results else []
    return "\n".join([head, rule, *body, "", note, *stages])


def _cells(values: Spread) -> tuple[str, str, str]:
    return f"{values['median']:.2f}", f"{values['min']:.2f}", f"{values['max']:.2f}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=5, help="turns (default 5)")
    parser.add_argument("--threads", type=int, default=available_cpus(), help="threads of each contender")
    parser.add_argument("--clips", type=Path, help="folder that keeps the clips for the next time")
    parser.add_argument("--quick", action="store_true", help="a short clip and one turn, to see that it works")
    parser.add_argument("--json", action="store_true", help="print JSON in place of the table")
    parser.add_argument("--gate", action="store_true", help="fail where a ratio is worse than a busy machine explains")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="dfd-bench-") as temporary:
        folder = options.clips or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        repeat = 1 if options.quick and not options.gate else options.repeat
        results = measure(folder, repeat, options.threads, quick=options.quick)
    print(json.dumps(results, indent=2) if options.json else f"{table(results)}\n\n{goals_table(results)}")
    failed = [row["label"] for row in results["goals"] if not row["passes_gate"]]
    if options.gate and failed:
        sys.exit(f"worse than before, beyond what a busy machine explains: {', '.join(failed)}")


if __name__ == "__main__":
    main()
