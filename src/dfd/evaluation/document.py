"""``metrics.json``: all that was measured, in one document that `docs/evaluation.schema.json` describes.

The same list, videos, model, settings and version of DFD give the same bytes.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dfd.evaluation import curves
from dfd.evaluation.conditions import CLEAN, Conditions
from dfd.evaluation.figures import Judge, against_all_reals, operating_points, summarise, videos
from dfd.evaluation.page import page
from dfd.evaluation.robustness import robustness
from dfd.evaluation.running import Results
from dfd.evaluation.samples import SampleList
from dfd.evaluation.setting import Setting
from dfd.evaluation.slices import slices
from dfd.statistics.resampling import LEVEL

SCHEMA_VERSION = "1.1"
"""Raised in the first place when a field changes its meaning or goes away, in the second when one is added."""

METRICS_NAME = "metrics.json"
PAGE_NAME = "index.html"


def document(
    results: Results, conditions: Conditions, listed: SampleList, setting: Setting, judge: Judge
) -> dict[str, Any]:
    """Everything that was measured, ready for JSON.

    Args:
        results: by condition, the clean ones among them.
        conditions: which others there are.
        listed: the list.
        setting: what stands behind the figures.
        judge: makes them.
    """
    clean = results[CLEAN]
    summary = summarise(clean, judge)
    scored = videos(clean)
    clusters = {result.sample.cluster for result in clean if result.probability is not None}
    return {
        "schema_version": SCHEMA_VERSION,
        "model": dict(setting.model),
        "settings": {**setting.analysis, **setting.selection},
        "bootstrap": {
            "rounds": judge.rounds,
            "seed": setting.seed,
            "level": LEVEL,
            "unit": listed.group_column or "video",
            "units": len(clusters),
        },
        "coverage": summary.pop("coverage"),
        **summary.pop("video"),
        **summary,
        "operating_points": operating_points(clean, judge, setting.points),
        "risk_coverage": curves.risk_coverage(scored, judge),
        "reliability": curves.reliability(scored),
        "roc": curves.roc(scored),
        "histogram": curves.histogram(scored),
        "per_method": against_all_reals(clean, judge, lambda result: result.sample.method),
        "slices": slices(clean, judge, listed.slice_columns),
        "robustness": robustness(results, conditions, judge),
        "mistakes": curves.mistakes(clean, judge.threshold),
    }


def write(folder: Path, measured: Mapping[str, Any]) -> None:
    """Write ``metrics.json`` and ``index.html`` into a folder."""
    text = json.dumps(measured, indent=2, allow_nan=False) + "\n"
    (folder / METRICS_NAME).write_text(text, encoding="utf-8")
    (folder / PAGE_NAME).write_text(page(measured), encoding="utf-8", errors="xmlcharrefreplace")
