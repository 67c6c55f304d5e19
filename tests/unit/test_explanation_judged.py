"""Judging explanations: what is known to be faithful passes, and what has nothing to do with the model does not."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest
from tests.explained import REGIONS, SIDE_PX, PartModel, mouth_model, texture
from tests.fakes import make_manifest

from dfd.evaluation.explanations import Judge, JudgedFace, Judgement, every, recorded
from dfd.explanation.heat import METHOD, HeatConfig
from dfd.explanation.regions import Region
from dfd.faithfulness import ExplanationRecord
from dfd.judgement import Calibration, CalibrationMethod, QualityTerm
from dfd.types import FloatArray

MANIFEST = make_manifest()
CONFIG = HeatConfig(calls=120)
FACES = [
    JudgedFace(texture(seed), REGIONS, texture(seed + 100), REGIONS, f"person {seed // 2}", is_fake=seed % 2 == 0)
    for seed in range(8)
]


def judged(score: PartModel) -> list[Judgement]:
    judge, rng = Judge(MANIFEST, score, CONFIG), np.random.default_rng(0)
    return [judge.judged(face, rng) for face in FACES]


def record_of(
    judgements: Sequence[Judgement], likenesses: Mapping[str, Sequence[tuple[int, float, float]]]
) -> ExplanationRecord:
    return recorded(MANIFEST, CONFIG, FACES, judgements, likenesses, np.random.default_rng(0))


def likeness(first: PartModel, second: PartModel) -> list[tuple[int, float, float]]:
    judge = Judge(MANIFEST, first, CONFIG)
    return [(number, *judge.likeness(face, second)) for number, face in every(FACES, 4)]


def test_maps_and_regions_of_a_known_model_pass() -> None:
    shuffled = PartModel(REGIONS[Region.BACKGROUND] & (np.indices((SIDE_PX, SIDE_PX))[1] < 8))
    likenesses = {"last_layer": likeness(mouth_model(), shuffled)}
    record = record_of(judged(mouth_model()), likenesses)
    assert record.passed == {"maps": True, "regions": True}
    assert (record.method, record.faces, record.clusters) == (METHOD, 8, 4)
    assert record.maps.deletion.value < record.maps.insertion.value
    assert HeatConfig.from_dict(record.parameters) == CONFIG


def test_a_model_that_answers_real_is_explained_as_well() -> None:
    for one in judged(mouth_model(-8.0)):
        assert one.maps["explanation"][0] < one.maps["random"][0]
        assert one.maps["explanation"][1] > one.maps["random"][1]


def test_an_explanation_that_ignores_the_weights_fails() -> None:
    likenesses = {"last_layer": likeness(mouth_model(), mouth_model(2.0))}
    record = record_of(judged(mouth_model()), likenesses)
    assert record.maps.sanity["last_layer"].value > 0.95
    assert record.passed == {"maps": False, "regions": False}
    assert "weights are random" in record.maps.failures[0]


def test_an_explanation_no_better_than_chance_fails() -> None:
    level = Judgement(
        {"explanation": (0.5, 0.5), "random": (0.5, 0.5), "centre": (0.5, 0.5)},
        {"explanation": (0.5, 0.5), "random": (0.5, 0.5)},
    )
    record = record_of([level] * len(FACES), {"last_layer": [(0, 0.1, 0.1), (1, 0.2, 0.2)]})
    assert record.passed == {"maps": False, "regions": False}
    assert len(record.maps.failures) == 4


def test_a_flat_map_is_like_no_other() -> None:
    def flat(batch: FloatArray) -> FloatArray:
        return np.zeros(len(batch), np.float32)

    assert Judge(MANIFEST, mouth_model(), CONFIG).likeness(FACES[0], flat) == (0.0, 0.0)


def test_areas_are_of_the_answer_that_was_given() -> None:
    (one, *_) = judged(mouth_model())
    for areas in (*one.maps.values(), *one.regions.values()):
        assert all(0 <= area <= 1 for area in areas)
    assert one.maps["explanation"] != one.maps["centre"]


@pytest.mark.parametrize(
    ("calibration", "area"),
    [
        (Calibration(slope=0.5, intercept=-2.0), 1 / (1 + math.exp(-2))),  # of *real*, which it answers
        (Calibration(intercept=2.0, quality={"brightness": QualityTerm(0.5, 0.1, 1.0)}), 1 / (1 + math.exp(-2))),
        (Calibration(method=CalibrationMethod.ISOTONIC, knots=((-1.0, 0.1), (1.0, 0.3))), 0.8),
        (Calibration(method=CalibrationMethod.TEMPERATURE, slope=0.4), 0.5),
    ],
)
def test_the_probability_is_that_of_the_models_calibration(calibration: Calibration, area: float) -> None:
    def undecided(batch: FloatArray) -> FloatArray:
        return np.zeros(len(batch), np.float32)

    judge = Judge(replace(MANIFEST, calibration=calibration), undecided, CONFIG)
    one = judge.judged(FACES[0], np.random.default_rng(0))
    for found in (*one.maps.values(), *one.regions.values()):
        assert found == pytest.approx((area, area), abs=1e-6)


@pytest.mark.parametrize("step", [1, 3, 8])
def test_some_faces_are_looked_at_again(step: int) -> None:
    assert [number for number, _ in every(FACES, step)] == list(range(0, 8, step))
