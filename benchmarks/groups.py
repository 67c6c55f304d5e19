"""How often photographs of real people score like fakes, by gender, race and age (``python -m benchmarks.groups``).

UTKFace's labels stand in its file names; they are what annotators saw, and not what people say of themselves. Only
photographs that training left aside count (`dfd_train.recipe`). They go through the serving code, as photographs do:
one picture, so the model's evidence of change from frame to frame is missing, and the verdict is always
`inconclusive`. What is compared is the score. Intervals are Wilson's ("Probable inference", JASA 1927), 95 %.
"""

import argparse
import csv
import json
import math
import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks import markdown

from dfd.bootstrap import build_analyzer, build_model
from dfd.errors import InputError
from dfd.pipeline import AnalysisOptions
from dfd.settings import load_settings
from dfd_train.data_report import evenly
from dfd_train.datasets.stills import read_stills
from dfd_train.recipe import RECIPES

GENDERS: Final = {"0": "male", "1": "female"}
RACES: Final = {"0": "White", "1": "Black", "2": "Asian", "3": "Indian", "4": "other"}
AGES: Final = ((30, "to 29"), (45, "30 to 44"), (60, "45 to 59"), (200, "60 and more"))
_Z: Final = 1.959964


@dataclass(frozen=True, slots=True)
class Row:
    """Photographs of one group.

    Attributes:
        group: which.
        photographs: with a score.
        mean: of their probabilities.
        over_threshold: share at or above the threshold, with its interval.
        called_fake: share at or above the threshold and its margin, likewise.
    """

    group: str
    photographs: int
    mean: float
    over_threshold: tuple[float, float, float]
    called_fake: tuple[float, float, float]


def groups_of(name: str) -> list[str]:
    """The groups of a photograph, ``age_gender_race_date.jpg``; a name that lacks one is in fewer."""
    parts = name.split("_")
    found = []
    if len(parts) == 4:
        found = [known[part] for known, part in ((GENDERS, parts[1]), (RACES, parts[2])) if part in known]
        found += [next(words for below, words in AGES if int(parts[0]) < below)] if parts[0].isdigit() else []
    return ["all", *found]


def wilson(count: int, total: int) -> tuple[float, float, float]:
    """A share with its interval."""
    share, spare = count / total, _Z**2 / total
    middle = (share + spare / 2) / (1 + spare)
    half = _Z / (1 + spare) * math.sqrt(share * (1 - share) / total + spare / (4 * total))
    return share, max(0.0, middle - half), min(1.0, middle + half)


def rows_of(scores: Sequence[tuple[str, float]], threshold: float, margin: float) -> list[Row]:
    """Rows of (name of the photograph, probability), in the order in which groups are named above."""
    by_group: dict[str, list[float]] = {}
    for name, probability in scores:
        for group in groups_of(name):
            by_group.setdefault(group, []).append(probability)
    order = ["all", *GENDERS.values(), *RACES.values(), *(words for _, words in AGES)]
    return [
        Row(
            group,
            len(found),
            statistics.fmean(found),
            wilson(sum(one >= threshold for one in found), len(found)),
            wilson(sum(one >= threshold + margin for one in found), len(found)),
        )
        for group in order
        if (found := by_group.get(group))
    ]


def scored(data: Path, folder: Path, version: str, limit: int) -> tuple[list[tuple[str, float]], int, float, float]:
    """Probabilities of the photographs left aside, how many had no score, threshold and margin."""
    foundation = RECIPES[version].foundation
    if foundation is None:
        raise SystemExit(f"version {version} learned from no photographs: all of them, or none, are left aside")
    every = read_stills(data, folder)
    used = {clip.path for clip in evenly(every, foundation.stills)}
    left = evenly([clip for clip in every if clip.path not in used], limit)
    settings = load_settings(model_version=version, sandbox=False)
    model = build_model(settings)
    analyzer, decision = build_analyzer(settings, model=model), model[1].decision
    scores, missing = [], 0
    for clip in left:
        try:
            probability = analyzer.analyze(clip.path, AnalysisOptions()).fake_probability
        except InputError as error:
            sys.stderr.write(f"{clip.path.name}: {error}\n")
            probability = None
        if probability is None:
            missing += 1
        else:
            scores.append((clip.path.name, probability))
    return scores, missing, decision.threshold, decision.inconclusive_margin


def shown(rows: Sequence[Row], missing: int, threshold: float, margin: float) -> str:
    """The rows as Markdown."""
    limits = [f"at or above {limit:.3f} (95 %)" for limit in (threshold, threshold + margin)]
    head = ["group", "photographs", "mean", *limits]
    cells = []
    for row in rows:
        shares = [f"{a:.3f} ({b:.3f} to {c:.3f})" for a, b, c in (row.over_threshold, row.called_fake)]
        cells.append((row.group, f"{row.photographs}", f"{row.mean:.3f}", *shares))
    return "\n".join([*markdown.table(head, cells), "", f"Without a score: {missing}."])


def main() -> int:
    """Score and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.groups", description="False alarms by group of people.")
    parser.add_argument("--data", type=Path, required=True, help="folder that DFD_DATA_DIR names")
    parser.add_argument("--version", default="2", help="version of the model (default: %(default)s)")
    parser.add_argument("--limit", type=int, default=0, help="at most so many photographs (default: all)")
    parser.add_argument("--scores", type=Path, help="file for every score, as CSV")
    parser.add_argument("--json", action="store_true", help="print JSON")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="dfd-groups-") as folder:
        scores, missing, threshold, margin = scored(given.data, Path(folder), given.version, given.limit)
    if given.scores is not None:
        with given.scores.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([("photograph", "fake_probability"), *scores])
    rows = rows_of(scores, threshold, margin)
    figures: dict[str, Any] = {
        "threshold": threshold,
        "margin": margin,
        "missing": missing,
        "rows": list(map(asdict, rows)),
    }
    sys.stdout.write((json.dumps(figures, indent=1) if given.json else shown(rows, missing, threshold, margin)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
