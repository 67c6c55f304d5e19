"""Processor time of each stage of one analysis: ``python -m benchmarks.stages CLIP``.

One thread does everything, in this process, one stage after the other, so that the times of the stages add up to that
of the whole and no other process's work counts. Prints milliseconds by stage as a JSON object. Frames are converted by
whoever looks at them first: most of that is part of `detect`, and of `crop` for the frames that follow.
"""

import argparse
import json
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from dfd.bootstrap import analysis_options, build_parts
from dfd.pipeline import Analyzer
from dfd.settings import load_settings

TOTAL: Final = "total"
REST: Final = "rest"

_NAMES: Final = {"decode_wait": "decode"}  # nothing is decoded ahead here: who waits for a frame decodes it


def stages_ms(clip: Path) -> dict[str, float]:
    """Analyse a clip in one thread.

    Returns:
        milliseconds of processor time by stage, the longest first, what no stage holds, and all of it.
    """
    settings = load_settings(threads=1, sandbox=False)
    parts = build_parts(settings)
    analyzer = Analyzer(
        parts.opener, parts.detector, parts.backend, parts.manifest, time.process_time, reads_ahead=False
    )
    found = dict(analyzer.analyze(clip, analysis_options(settings)).timings_ms)
    total = found.pop(TOTAL)
    stages = {_NAMES.get(name, name): taken for name, taken in found.items()}
    ordered = dict(sorted(stages.items(), key=lambda stage: -stage[1]))
    return ordered | {REST: total - sum(stages.values()), TOTAL: total}


def table(stages: Mapping[str, float]) -> str:
    """The stages for people."""
    lines = ["| stage, one thread | processor ms | share |", "|-------------------|-------------:|------:|"]
    for name, taken in stages.items():
        lines.append(f"| {name:17} | {taken:12.0f} | {taken / stages[TOTAL]:5.0%} |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Analyse and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", type=Path)
    options = parser.parse_args(arguments)
    json.dump(stages_ms(options.clip), sys.stdout)


if __name__ == "__main__":
    main()
