"""What a version's last layer makes of families and sources that were left out."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import numpy_helper
from typer.testing import CliRunner

from dfd.errors import ConfigurationError
from dfd.types import FloatArray
from dfd_train.cli import app
from dfd_train.datasets import Clip, DatasetError
from dfd_train.left_out import (
    Family,
    Material,
    Share,
    Source,
    Sources,
    as_markdown,
    by_family,
    by_share,
    by_source,
    read_version,
)
from dfd_train.recipe import RECIPES
from dfd_train.store import ClipCrops

MODELS = Path(__file__).parents[2] / "models" / "deepfake"
RECIPE = replace(RECIPES["2"], head_strength=1.0)
FAMILIES = ("real", "real", "swap", "lipsync")


def clip(number: int, family: str, source: str) -> Clip:
    return Clip(
        key=str(number),
        path=Path(),
        is_fake=family != "real",
        family=family,
        method="m",
        source=source,
        persons=(f"p{number}",),
        split="train",
        dataset="d",
    )


def material(sources: int = 8) -> Material:
    """Of each source four clips; what swaps are told by speaks against lip-sync, and the other way round."""
    rng = np.random.default_rng(3)
    clips = [
        clip(4 * source + place, family, f"s{source}")
        for source in range(sources)
        for place, family in enumerate(FAMILIES)
    ]
    features = rng.normal(0, 0.5, (len(clips), 6)).astype(np.float32)
    for row, item in zip(features, clips, strict=True):
        row[:2] += {"real": (0, 0), "swap": (8, 0), "lipsync": (-16, 8)}[item.family]
    return Material(clips, features, RECIPE)


def test_a_family_is_told_only_where_it_was_shown() -> None:
    lipsync, swap = by_family(material(), 3)
    assert (lipsync.name, lipsync.fakes, swap.name, swap.fakes) == ("lipsync", 8, "swap", 8)
    for family in (lipsync, swap):
        assert family.shown > 0.8
        assert family.left_out < 0.3


def test_a_fold_is_ranked_by_a_regression_that_was_not_shown_it() -> None:
    whole = material()
    fold_of = [number // 4 % 3 for number in range(len(whole.clips))]
    before = whole.held_out(fold_of)
    inside = np.array(fold_of) == 1
    strange = whole.features.copy()
    strange[inside] = -strange[inside][:, ::-1]
    flipped = [
        replace(item, is_fake=not item.is_fake, family="real" if item.is_fake else "swap") if here else item
        for item, here in zip(whole.clips, inside, strict=True)
    ]
    after = Material(flipped, strange, RECIPE).held_out(fold_of)
    slopes = np.linalg.lstsq(
        np.c_[whole.features[inside], np.ones(inside.sum())], before[inside].astype(np.float64), rcond=None
    )[0]
    assert np.allclose(np.c_[strange[inside], np.ones(inside.sum())] @ slopes, after[inside], atol=1e-3)
    assert not np.allclose(before[~inside], after[~inside], atol=1e-3)


def test_what_is_left_must_hold_both_classes() -> None:
    whole = material()
    with pytest.raises(DatasetError, match="no fake clips for what is left to learn from"):
        whole.held_out([0] * 16 + [1] * 16, lambda outside: outside & ~whole.is_fake)


def test_sources_rank_by_what_the_others_taught() -> None:
    whole = material(5)
    clips = [*whole.clips, clip(90, "real", "alone"), clip(91, "real", "alone")]
    features = np.concatenate([whole.features, np.array([[-20, -20, 0, 0, 0, 0]] * 2, np.float32)])
    found = by_source(Material(clips, features, RECIPE))
    assert [row.name for row in found.each] == ["s0", "s1", "s2", "s3", "s4", "alone"]
    alone = found.each[-1]
    assert (alone.real, alone.fake) == (2, 0)
    assert math.isnan(alone.own) and math.isnan(alone.fakes) and alone.reals > 0.9
    assert found.within == pytest.approx(np.mean([row.own for row in found.each[:-1]]))
    assert found.pooled > 0.7


def test_without_both_classes_in_any_source_there_is_nothing_within() -> None:
    whole = material(4)
    clips = [replace(item, source=f"{item.source}-{item.is_fake}") for item in whole.clips]
    assert math.isnan(by_source(Material(clips, whole.features, RECIPE)).within)


def test_shares_count_what_they_show() -> None:
    quarter, half, most, whole = by_share(material(8), 4, 3)
    assert [round(row.groups) for row in (quarter, half, most, whole)] == [2, 3, 4, 6]
    assert [row.clips for row in (quarter, half, most, whole)] == [8, 12, 16, 24]
    assert [len(row.aucs) for row in (quarter, half, most, whole)] == [3, 3, 3, 1]
    assert len(set(quarter.aucs)) > 1
    assert by_share(material(8), 4, 3) == [quarter, half, most, whole]


def test_too_few_groups_to_draw_from_are_refused() -> None:
    rng = np.random.default_rng(0)
    clips = [clip(number, "swap" if number % 2 else "real", f"s{number}") for number in range(8)]
    alone = Material(clips, rng.normal(0, 1, (8, 3)).astype(np.float32), RECIPE)
    with pytest.raises(DatasetError, match=r"25% of 4 groups hold but one class"):
        by_share(alone, 2, 1)


def test_the_tables_say_what_was_found() -> None:
    text = as_markdown(
        [Family("swap", 12, 0.61, 0.7)],
        Sources(0.7, math.nan, [Source("a|b", 2, 1, 0.5, 0.75, 1.0), Source("few", 1, 1, 0.5, 0.5, 0.5)]),
        [Share(7.4, 100.2, [0.6, 0.7]), Share(20, 300, [0.72])],
    )
    assert "| swap | 12 | 0.610 | 0.700 |" in text
    assert r"| a\|b | 2 | 1 | 0.500 | 0.750 | 1.000 |" in text
    assert "few" not in text
    assert "| 7 | 100 | 0.650 | 0.600 | 0.700 |\n| 20 | 300 | 0.720 |  |  |" in text
    assert "pooled 0.700, within sources not defined." in text


def test_trunks_that_have_seen_clips_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="were trained on clips"):
        read_version(MODELS / "1", RECIPE)


def test_the_shipped_version_says_what_its_last_layer_sees() -> None:
    manifest, recipe = read_version(MODELS / "2", RECIPES["1"])
    assert (recipe.contract, recipe.seed, recipe.head_strength) == (manifest.input, 1, 0.01)
    size = manifest.input.size_px
    crops = np.random.default_rng(5).integers(0, 256, (4, size, size, 6), dtype=np.uint8)
    found = Material.of(MODELS / "2" / manifest.weights_file, [shown(crops), shown(crops[:0])], recipe, progress=False)
    assert len(found.clips) == 1
    assert np.allclose(last_layer(found.features), model_answers(crops).mean(), atol=1e-3)


def shown(crops: "np.typing.NDArray[np.uint8]") -> tuple[Clip, ClipCrops]:
    count = len(crops)
    wide = np.zeros((count, 192, 192, 3), np.uint8)
    points = np.zeros((count, 468, 2), np.float32)
    return clip(count, "real", "s"), ClipCrops(crops, wide, wide, points, np.zeros((count, 4)), count)


def model_answers(crops: "np.typing.NDArray[np.uint8]") -> FloatArray:
    session = ort.InferenceSession(MODELS / "2" / "model.onnx", providers=["CPUExecutionProvider"])
    answer: FloatArray = session.run(None, {session.get_inputs()[0].name: crops.astype(np.float32) / 255})[0]
    return answer


def last_layer(features: FloatArray) -> FloatArray:
    """What the shipped file's last four steps make of features: they are linear, so means go in as well as faces."""
    graph = onnx.load(MODELS / "2" / "model.onnx").graph
    constants = {item.name: numpy_helper.to_array(item) for item in graph.initializer}
    steps = graph.node[-4:]
    assert [step.op_type for step in steps] == ["Mul", "Add", "MatMul", "Add"]
    scale, shift, weights, bias = (constants[step.input[1]] for step in steps)
    answer: FloatArray = (features * scale + shift) @ weights + bias
    return answer


@pytest.mark.slow
@pytest.mark.real_data
def test_the_command_prints_the_tables(tmp_path: Path, data_dir: Path) -> None:
    options = ["--data", str(data_dir), "--work", str(tmp_path), "--limit", "60", "--folds", "2", "--draws", "1"]
    outcome = CliRunner().invoke(app, ["left-out", str(MODELS / "2"), *options, "--no-progress"])
    assert outcome.exit_code == 0, outcome.output
    assert "family left out" in outcome.output
    assert outcome.output.count("| reenactment |") == 1
    assert "A source left out: pooled 0." in outcome.output


def test_the_command_refuses_trunks_that_have_seen_clips(tmp_path: Path) -> None:
    outcome = CliRunner().invoke(app, ["left-out", str(MODELS / "1"), "--data", str(tmp_path)])
    assert outcome.exit_code == 4
    assert f"dfd-train: the trunks of {MODELS / '1'} were trained on clips" in outcome.output
