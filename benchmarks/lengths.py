"""Analyses of 5 seconds to 2 hours of 1080p beside their plain decode, and their memory (``make bench-lengths``).

The long clips are ten encoded seconds again and again, packet by packet, as many as are needed. Two hours are 4.4 GB.
Of a long clip the decode is timed over its first five minutes (``--decoded-s``) and scaled up, since it takes every ten
seconds alike. From 128 s on DFD samples more sparsely, 256 times in all (`MAX_FRAMES`). With ``--full`` all is decoded,
and a row of its own shows what ten minutes cost at 2 samples a second throughout.
"""

import argparse
import json
import math
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from benchmarks import markdown
from benchmarks.clip import ClipSpec, bitrate_mbps, repeat_clip
from benchmarks.goals import goals_table, judged
from benchmarks.plots import columns, write_plots
from benchmarks.running import clip_in, peak_of_all_mb, run_contender, tell
from benchmarks.spread import in_words, spread

from dfd.processors import available_cpus

_SIZE_PX: Final = (1920, 1080)
_PIECE_S: Final = 10
DECODED_S: Final = 300.0

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Length:
    """A clip to measure.

    Attributes:
        name: for people.
        seconds: how long it is; above 10 a multiple of it.
        settings: of DFD, by their names in the environment.
    """

    name: str
    seconds: int
    settings: Mapping[str, str] = field(default_factory=dict)

    def clip(self, folder: Path) -> Path:
        """Its file, made where the folder lacks it."""
        if self.seconds <= _PIECE_S:
            return clip_in(folder, f"length-{self.seconds}s", ClipSpec(_SIZE_PX, float(self.seconds)))
        path = folder / f"length-{self.seconds}s.mp4"
        if not path.exists():
            piece = clip_in(folder, f"length-{_PIECE_S}s", ClipSpec(_SIZE_PX, float(_PIECE_S)))
            tell(f"making {path.name}")
            half = path.with_name(f"half-{path.name}")
            repeat_clip(piece, half, self.seconds // _PIECE_S)
            half.rename(path)
        return path


TWO_HOURS: Final = Length("2 h", 7200)
LENGTHS: Final = (
    Length("5 s", 5),
    Length("30 s", 30),
    Length("2 min", 120),
    Length("10 min", 600),
    TWO_HOURS,
)
THROUGHOUT: Final = Length("10 min, 2 fps throughout", 600, {"MAX_FRAMES": "100000"})
QUICK: Final = (Length("5 s", 5), Length("20 s", 20))


def measure(length: Length, folder: Path, repeat: int, threads: int, decoded_s: float = DECODED_S) -> Row:
    """Everything about one length, of which at most `decoded_s` are decoded as a whole."""
    clip = length.clip(folder)
    decoded_s = min(float(length.seconds), decoded_s)
    turns = []
    for _ in range(repeat):
        analysis = run_contender("analysis", clip, threads, settings=length.settings)
        turns.append((analysis, run_contender("decode", clip, threads, until_s=decoded_s)))
    return summarise(turns, length.seconds / decoded_s) | {
        "name": length.name,
        "seconds_long": length.seconds,
        "decoded_s": decoded_s,
        "mbps": bitrate_mbps(clip),
        "peak_mb": peak_of_all_mb("analysis", clip, threads, length.settings),
    }


def summarise(turns: Sequence[tuple[Row, Row]], scale: float) -> Row:
    """Turn the runs of one length into medians and a ratio with its spread.

    Args:
        turns: analysis and decode of each.
        scale: length of the clip to the part of it that was decoded.
    """
    return {
        "analysis_s": spread([analysis["seconds"] for analysis, _ in turns]),
        "decode_s": spread([decode["seconds"] * scale for _, decode in turns]),
        "analysis_to_decode": spread([analysis["seconds"] / (decode["seconds"] * scale) for analysis, decode in turns]),
        "cpu_to_decode": spread([analysis["cpu_s"] / (decode["cpu_s"] * scale) for analysis, decode in turns]),
        "sampled_frames": turns[0][0]["sampled_frames"],
    }


def measure_all(chosen: Sequence[Length], folder: Path, repeat: int, threads: int, decoded_s: float = DECODED_S) -> Row:
    """Measure some lengths; see the options of the command."""
    rows = []
    for length in chosen:
        tell(f"length: {length.name}")
        rows.append(measure(length, folder, repeat, threads, decoded_s))
    return results_of(rows, repeat, threads)


def results_of(rows: Sequence[Row], repeat: int, threads: int) -> Row:
    """All that is told; two hours under the names of their goals."""
    results: Row = {"rows": list(rows), "repeat": repeat, "threads": threads}
    for row in rows:
        if row["name"] == TWO_HOURS.name:
            results |= {"two_hours_to_decode": row["analysis_to_decode"], "two_hours_peak_mb": row["peak_mb"]}
    return results | {"goals": judged(results)}


def table(results: Row) -> str:
    """The rows for people, in Markdown."""
    head = ("1080p", "samples", "analysis, s", "decode, s", "analysis / decode", "in processor time", "peak MB")
    rows = []
    for row in results["rows"]:
        of_part = f" (from {row['decoded_s']:.0f} s)" if row["decoded_s"] < row["seconds_long"] else ""
        cells = (
            row["name"],
            f"{row['sampled_frames']}",
            f"{row['analysis_s']['median']:.1f}",
            f"{row['decode_s']['median']:.1f}{of_part}",
            in_words(row["analysis_to_decode"]),
            in_words(row["cpu_to_decode"]),
            f"{row['peak_mb']:.0f}",
        )
        rows.append(cells)
    return "\n".join([*markdown.table(head, rows), "", f"{results['repeat']} turns, {results['threads']} threads"])


def plots(results: Row) -> dict[str, str]:
    """File name and SVG of the plot: memory by length."""
    # names of columns are short, so the row that samples throughout keeps to the table
    figures = [(row["name"], spread([row["peak_mb"]])) for row in results["rows"] if "," not in row["name"]]
    return {"lengths-memory.svg": columns("Peak memory of an analysis, by length", "MB", figures, 500.0)}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=3, help="turns (default 3)")
    parser.add_argument("--threads", type=int, default=available_cpus(), help="threads of each contender")
    parser.add_argument("--clips", type=Path, help="folder that keeps the clips for the next time")
    parser.add_argument("--plots", type=Path, help="folder that gets the plot as SVG file")
    parser.add_argument("--out", type=Path, help="file that gets the figures as JSON")
    parser.add_argument("--decoded-s", type=float, default=DECODED_S, help=f"decode no more (default {DECODED_S:g} s)")
    parser.add_argument("--full", action="store_true", help="decode all, and sample ten minutes throughout")
    parser.add_argument("--quick", action="store_true", help="short clips and one turn, to see that it works")
    parser.add_argument("--json", action="store_true", help="print JSON in place of the table")
    options = parser.parse_args(arguments)
    repeat, chosen = (1, QUICK) if options.quick else (options.repeat, LENGTHS)
    decoded_s = math.inf if options.full else options.decoded_s
    if options.full:
        chosen = (*chosen, THROUGHOUT)
    with tempfile.TemporaryDirectory(prefix="dfd-bench-") as temporary:
        folder = options.clips or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        results = measure_all(chosen, folder, repeat, options.threads, decoded_s)
    text = json.dumps(results, indent=2)
    if options.out:
        options.out.write_text(text + "\n", encoding="utf-8")
    if options.plots:
        write_plots(options.plots, plots(results))
    print(text if options.json else f"{table(results)}\n\n{goals_table(results)}")


if __name__ == "__main__":
    main()
