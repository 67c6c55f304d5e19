"""A made-up version, measured on made-up videos, for tests of the card."""

from dataclasses import replace
from typing import Any

import numpy as np
from tests.evaluated import judge, mixed, sample, scored
from tests.fakes import make_manifest

from dfd.evaluation.conditions import CLEAN, Condition, Conditions
from dfd.evaluation.document import document
from dfd.evaluation.figures import operating_points, ranked, summarise
from dfd.evaluation.results import ClipResult
from dfd.evaluation.running import Results
from dfd.evaluation.samples import SampleList
from dfd.evaluation.setting import operating_points as thresholds
from dfd.evaluation.setting import setting_of
from dfd.judgement import Decision, OperatingPoint
from dfd.manifest import InputContract, Layout, ModelManifest
from dfd.pipeline import AnalysisOptions

QUICK = (Condition("GB", 3), Condition("VC", 3), Condition("480p", 35))
DECISION = Decision(
    0.5,
    0.1,
    frame_spread=0.08,
    operating_points={
        "balanced": OperatingPoint(0.47, 0.25, 0.5, 24, 30),
        "low_false_alarm": OperatingPoint(0.75, 0.0, 0.1, 24, 30),
    },
)
CONTRACT = InputContract(160, Layout.NHWC, 0.0, 1.0, 0.2, make_manifest().input.alignment, frames=2)
FORM = {"log_loss": 0.65, "brier": 0.23, "ece": 0.05, "ece_equal_mass": 0.06, "excess": 0.0, "excess_se": 0.0}


def drawn(reals: int, fakes: int, gain: float) -> list[ClipResult]:
    """Videos whose probabilities are drawn at random, those of the fakes higher by `gain`."""
    rng = np.random.default_rng(5)
    families = ("swap", "lipsync", "synthesis")
    found = [scored(sample(f"r{n}.mp4", is_fake=False), round(float(rng.uniform(0.1, 0.6)), 4)) for n in range(reals)]
    for number in range(fakes):
        family = families[number % len(families)]
        probability = round(float(rng.uniform(0.1, 0.6)) + gain, 4)
        found.append(scored(sample(f"f{number}.mp4", is_fake=True, family=family), probability))
    return found


def cross_validation(results: list[ClipResult]) -> dict[str, Any]:
    """As training writes it; every other clip is of the second fold."""
    return {
        **summarise(results, judge()),
        "unit": "published source",
        "per_fold": [ranked(results[start::2], judge()) for start in (0, 1)],
        "operating_points": operating_points(results, judge(), thresholds(DECISION, DECISION.threshold)),
    }


def version(results: list[ClipResult], **changes: Any) -> ModelManifest:
    """A manifest of a model of two frames, cross-validated on such results."""
    manifest = make_manifest(
        version="2",
        architecture="made up",
        training_data="made-up clips (no terms). No image is shipped",
        licence="Apache-2.0 for the files; see the card for the terms of the training data",
        input=CONTRACT,
        decision=DECISION,
        metrics={
            "cross_validation": cross_validation(results),
            "calibration": {"chosen": "platt", "forms": {"none": {**FORM, "excess": 0.02}, "platt": FORM}},
            "parity_max_logit_difference": 1.5e-6,
        },
        reference={
            "folds": 2,
            "recipe": {"made_share": 0.25, "made": {"self_blend": 3.0, "swap": 1.0}, "seed": 1, "contract": {}},
            "data": {"families": {"real": 24, "swap": 30}, "methods": 3, "sources": 5, "people": 7},
        },
    )
    return replace(manifest, **changes)


def measured_of(
    manifest: ModelManifest, results: list[ClipResult], wanted: tuple[Condition, ...] = (), *columns: str
) -> dict[str, Any]:
    """The document of an evaluation in which every condition changes nothing."""
    by_condition: Results = dict.fromkeys((CLEAN, *wanted), results)
    selection = {
        "list": "list.csv",
        "list_sha256": "ab" * 32,
        "split": "test",
        "slices": list(columns),
        "group": None,
        "robustness": "quick" if wanted else "none",
    }
    parts = {"backend": "onnx", "detector": "blazeface"}
    setting = setting_of(manifest, AnalysisOptions(), parts, selection, seed=0)
    listed = SampleList(tuple(result.sample for result in results), None, columns)
    return document(by_condition, Conditions(wanted), listed, setting, judge())


HELD_OUT = drawn(24, 30, 0.2)
VERSION = version(HELD_OUT)
MEASURED = measured_of(VERSION, mixed(), QUICK, "sex")
