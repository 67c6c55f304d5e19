"""The comparison with other detectors: its arithmetic, and that every model sees the same faces."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from benchmarks.peers import POOLED, Contender, Score, as_table, compare, score, spread
from tests.fakes import FakeBackend, FakeDetector, FakeVideoOpener, make_manifest

from dfd.errors import InputError
from dfd.evaluation.samples import Sample
from dfd.manifest import ModelManifest
from dfd.pipeline import Analyzer
from dfd.types import FloatArray


def make_samples(real: int, **fakes: int) -> list[Sample]:
    """So many real videos, and so many fakes of each family."""
    kinds = [("real", real), *fakes.items()]
    return [
        Sample(f"{family}_{number}.mp4", Path(f"{family}_{number}.mp4"), is_fake=family != "real", family=family)
        for family, count in kinds
        for number in range(count)
    ]


def scores_of(*probabilities: float | None, milliseconds: float = 8.0) -> list[Score]:
    return [
        Score(probability, 0 if probability is None else 4, 0.0 if probability is None else milliseconds)
        for probability in probabilities
    ]


def compared(**scores: list[Score]) -> dict[str, Any]:
    found = compare(make_samples(3, swap=2, lipsync=1), scores, np.random.default_rng(1), rounds=50)
    plain: dict[str, Any] = json.loads(json.dumps(found["models"], default=vars_of))
    return plain


def vars_of(estimate: object) -> dict[str, float]:
    return {name: getattr(estimate, name) for name in ("value", "low", "high")}


def test_auc_is_of_all_fakes_and_of_each_family_against_all_reals() -> None:
    models = compared(ours=scores_of(0.1, 0.2, 0.5, 0.9, 0.4, 0.3))

    assert models["ours"]["auc"][POOLED]["value"] == pytest.approx(7 / 9)
    assert models["ours"]["auc"]["swap"]["value"] == pytest.approx(5 / 6)
    assert models["ours"]["auc"]["lipsync"]["value"] == pytest.approx(2 / 3)
    assert "difference" not in models["ours"]


def test_difference_is_the_first_models_advantage_on_the_same_draws() -> None:
    good, bad = scores_of(0.1, 0.2, 0.3, 0.7, 0.8, 0.9), scores_of(0.9, 0.8, 0.7, 0.3, 0.2, 0.1)
    models = compared(ours=good, worse=bad, equal=list(good))

    assert models["worse"]["difference"][POOLED] == {"value": 1.0, "low": 1.0, "high": 1.0}
    assert models["equal"]["difference"][POOLED] == {"value": 0.0, "low": 0.0, "high": 0.0}
    assert set(models["worse"]["difference"]) == {POOLED, "swap", "lipsync"}


def test_videos_without_a_face_lower_coverage_and_are_left_out_for_all() -> None:
    models = compared(
        ours=scores_of(0.1, 0.2, None, 0.7, 0.8, 0.9), other=scores_of(0.1, 0.2, None, 0.7, 0.8, 0.9, milliseconds=24.0)
    )

    assert models["ours"]["coverage"] == models["other"]["coverage"] == pytest.approx(5 / 6)
    assert models["ours"]["auc"][POOLED]["value"] == 1.0
    assert models["ours"]["milliseconds"] == {"a_face": 2.0, "ratio": 1.0}
    assert models["other"]["milliseconds"] == {"a_face": 6.0, "ratio": 3.0}


def test_one_class_cannot_be_compared() -> None:
    with pytest.raises(InputError, match="one class only"):
        compared(ours=scores_of(0.1, 0.2, 0.3, None, None, None))


def test_table_shows_every_model_and_family() -> None:
    samples = make_samples(2, swap=2)
    scores = {"ours": scores_of(0.1, 0.2, 0.8, 0.9), "other": scores_of(0.1, 0.8, 0.2, 0.9)}
    results = compare(samples, scores, np.random.default_rng(1), rounds=20)
    results |= {"list": "list.csv", "drawn_by": "video", "rounds": 20, "seed": 1, "threads": 2}

    text = as_table(results)

    assert "list.csv: 2 real and 2 fake videos" in text
    assert "| ours | 1.000 (1.000 to 1.000) | 1.000 (1.000 to 1.000) | 100.0% | 2.00 | 1.00 |" in text
    assert "| other | +0.250 (" in text
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert {line.count("|") for line in rows[:4]} == {7}
    assert {line.count("|") for line in rows[4:]} == {4}


def test_every_model_sees_the_same_faces_and_each_gets_its_own_crop(tmp_path: Path) -> None:
    video = tmp_path / "a.mp4"
    video.write_bytes(b"painted by the fake opener")
    manifest = make_manifest()
    large = replace(manifest, input=replace(manifest.input, size_px=32, crop_margin=0.15))
    seen: dict[str, list[tuple[int, ...]]] = {"ours": [], "other": []}

    def contender(name: str, model: ModelManifest, logit: float) -> Contender:
        def answer(crop: FloatArray) -> float:
            seen[name].append(crop.shape)
            return logit

        backend = FakeBackend(answer)
        return Contender(Analyzer(FakeVideoOpener(), FakeDetector(), backend, model), model)

    samples = [Sample("a.mp4", video, is_fake=True), Sample("b.mp4", video, is_fake=False)]
    scores = score(samples, {"ours": contender("ours", manifest, 2.0), "other": contender("other", large, -2.0)})

    assert [one.faces for one in scores["ours"]] == [one.faces for one in scores["other"]] == [6, 6]
    assert set(seen["ours"]) == {(64, 64, 3)}
    assert set(seen["other"]) == {(32, 32, 3)}
    assert len(seen["ours"]) == len(seen["other"]) == 12
    assert scores["ours"][0].fake_probability == pytest.approx(1 / (1 + np.exp(-2.0)))
    assert scores["other"][0].fake_probability == pytest.approx(1 / (1 + np.exp(2.0)))


def test_spread_takes_of_every_family() -> None:
    samples = make_samples(20, swap=10, lipsync=1)

    chosen = spread(samples, 6)

    assert {sample.family for sample in chosen} == {"real", "swap", "lipsync"}
    assert 6 <= len(chosen) <= 9
    assert spread(samples, 0) == samples
