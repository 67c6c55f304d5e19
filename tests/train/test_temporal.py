"""Rules for a video against the mean, and a family that no model was shown."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.train.test_training import TINY_PAIRS, make_clip

from dfd_train.forged_store import ForgedClip, ForgedStore
from dfd_train.made_fakes import Extras
from dfd_train.splits import folds
from dfd_train.temporal import FITTED, MEAN, RULES, compare_rules, flicker
from dfd_train.unseen_family import exact_crops, examine_unseen_family
from dfd_train.validation import HeldOut, hold_out


def held(*, spread: bool) -> list[HeldOut]:
    """Clips of three folds whose fakes flicker and, on the mean, score as the reals do; or the other way round."""
    rng = np.random.default_rng(0)
    items = []
    for number in range(90):
        is_fake = number % 2 == 0
        clip, crops = make_clip(number, is_fake=is_fake, source=f"s{number}")
        level = 0.0 if spread else 2.0 * is_fake
        noise = rng.normal(0, 1.0 if spread and is_fake else 0.1, 8)
        logits = (level + noise - noise.mean() + rng.normal(0, 0.1)).astype(np.float32)
        items.append(HeldOut(clip, crops, logits, number % 3))
    return items


def test_what_the_mean_misses_is_found_and_what_it_knows_is_kept() -> None:
    by_rule = {row["rule"]: row for row in compare_rules(held(spread=True), 1)}
    assert list(by_rule) == [*RULES, FITTED]
    assert by_rule[MEAN]["difference"] == {"value": 0.0, "low": 0.0, "high": 0.0}
    assert by_rule[MEAN]["auc"]["value"] < 0.7
    assert by_rule["flicker alone"]["auc"]["value"] > 0.95
    assert by_rule[FITTED]["auc"]["value"] > 0.9
    assert by_rule[FITTED]["difference"]["low"] > 0.1
    by_rule = {row["rule"]: row for row in compare_rules(held(spread=False), 1)}
    assert by_rule[MEAN]["auc"]["value"] == 1.0
    assert by_rule[FITTED]["auc"]["value"] > 0.99


def test_a_single_face_does_not_flicker() -> None:
    assert flicker(np.array([3.0], np.float32)) == 0.0
    assert flicker(np.array([1.0, -1.0, 2.0], np.float32)) == pytest.approx(2.5)


CLIPS = [
    make_clip(number, is_fake=number % 2 == 0, source=f"s{number % 4}", contract=TINY_PAIRS.contract)
    for number in range(12)
]


def test_an_unseen_family_is_judged_by_models_that_do_not_know_its_people(tmp_path: Path) -> None:
    recipe = replace(TINY_PAIRS, epochs=0)
    store = ForgedStore(tmp_path / "clips")
    rng = np.random.default_rng(0)
    for clip, _ in CLIPS[:4]:
        pictures = rng.integers(0, 256, (2, 128, 128, 6), dtype=np.uint8)
        for family, persons in (("deepfake", clip.persons), ("decoded", clip.persons), ("deepfake", ("p0", "p1"))):
            key = f"{clip.key}__{family}{len(persons)}"
            points = np.zeros((2, 468, 2), np.float32)
            sources = (clip.source, "s0", "s1")[: len(persons) + 1 if len(persons) > 1 else 1]
            store.write(ForgedClip(key, clip.key, family, "m", persons, sources, pictures, pictures, points))
    stranger = ("deepfake", "m", ("somebody",), ("elsewhere",))
    store.write(ForgedClip("stranger", "none", *stranger, pictures, pictures, points))
    extras = Extras(forged=store)
    assert len(set(folds([clip for clip, _ in CLIPS], 2))) == 2
    hold_out(CLIPS, recipe, extras, fold_count=2, runs=tmp_path / "runs", progress=False)
    found = examine_unseen_family(CLIPS, recipe, extras, fold_count=2, runs=tmp_path / "runs")
    assert found is not None
    assert found["family"] == "deepfake"
    # of one person each; neither a pair of people on both sides nor one of no fold is judged
    assert found["clips"] == 4
    assert found["video_auc"]["value"] == found["frame_auc"]["value"] == 0.5  # forged and real are the same pictures
    assert examine_unseen_family(CLIPS, recipe, Extras(), fold_count=2, runs=tmp_path / "runs") is None
    shown = replace(recipe, unseen_family="")
    assert examine_unseen_family(CLIPS, shown, extras, fold_count=2, runs=tmp_path / "runs") is None
    with pytest.raises(ValueError, match="cannot be unseen"):
        replace(recipe, unseen_family="self_blend")


def test_forged_pictures_are_cut_as_serving_cuts() -> None:
    pictures = np.zeros((3, 128, 128, 6), np.uint8)
    pictures[..., :3], pictures[..., 3:] = 50, 200
    crops = exact_crops(pictures, TINY_PAIRS.contract)
    assert crops.shape == (3, 80, 80, 6)
    assert {int(crops[..., :3].max()), int(crops[..., 3:].min())} == {50, 200}
