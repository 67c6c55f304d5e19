"""A training run small enough for a test: same seed, same weights; a resumed run equals an unbroken one."""

import json
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import keras
import numpy as np
import onnxruntime as ort
import pytest

from dfd.cropping import crop_face
from dfd.errors import ConfigurationError
from dfd.manifest import InputContract, Layout
from dfd.preprocessing import to_model_input
from dfd.types import QUALITY_MEASURES, BoundingBox, FaceDetection, FloatArray, ImageU8
from dfd_train import train as train_module
from dfd_train.backbone import build, load_foundation, load_imagenet
from dfd_train.batches import TrainingBatches
from dfd_train.datasets import Clip
from dfd_train.export import ONNX_NAME, ParityError, export, file_hashes
from dfd_train.features import Features
from dfd_train.imagenet import read_lite0
from dfd_train.made_fakes import Extras
from dfd_train.recipe import CONTRACT_V1, RECIPES, Recipe
from dfd_train.store import WIDE_MARGIN, WIDE_PX, ClipCrops, wide_detection
from dfd_train.train import MODEL_NAME, score, train

TINY = replace(RECIPES["1"], stages=2, epochs=3, steps_per_epoch=2, batch_size=16)  # all seven take minutes to compile
TINY_PAIRS = replace(
    RECIPES["2"],
    contract=replace(RECIPES["2"].contract, size_px=80),
    trunks=("still", "change"),
    epochs=1,
    steps_per_epoch=2,
    batch_size=16,
    made_share=0.25,
    made=MappingProxyType({"self_blend": 1.0}),
    head_batches=0,
    stills_share=0.0,
    frozen_stages=2,
    frozen_norms=True,
)

QUICK = replace(TINY_PAIRS, stages=2, epochs=0, head_strength=0.0)
"""Not trained at all."""


def make_clip(
    number: int, *, is_fake: bool, source: str = "s", contract: InputContract = CONTRACT_V1
) -> tuple[Clip, ClipCrops]:
    rng = np.random.default_rng(number)
    wide = rng.integers(0, 256, (3, WIDE_PX, WIDE_PX, 3), dtype=np.uint8)
    exact = rng.integers(0, 256, (3, contract.size_px, contract.size_px, 3 * contract.frames), dtype=np.uint8)
    points = rng.uniform(0.3, 0.7, (3, 468, 2)).astype(np.float32) * WIDE_PX
    clip = Clip(
        key=str(number),
        path=Path(),
        is_fake=is_fake,
        family="swap" if is_fake else "real",
        method="m",
        source=source,
        persons=(f"p{number % 4}",),
        split="train",
        dataset="made",
        sha256=str(number),
    )
    return clip, ClipCrops(exact, wide, wide[:, ::-1].copy(), points, np.ones((3, len(QUALITY_MEASURES))), 3)


CLIPS = [make_clip(number, is_fake=number < 3) for number in range(10)]
PAIR_CLIPS = [make_clip(number, is_fake=number < 3, contract=TINY_PAIRS.contract) for number in range(10)]


def test_a_batch_depends_on_seed_epoch_and_number_alone() -> None:
    batches = TrainingBatches(CLIPS, TINY)
    first, labels = batches[1]
    assert np.array_equal(first, TrainingBatches(CLIPS, TINY)[1][0])
    assert not np.array_equal(first, batches[0][0])
    assert not np.array_equal(first, TrainingBatches(CLIPS, replace(TINY, seed=2))[1][0])
    batches.on_epoch_end()
    assert np.array_equal(batches[1][0], TrainingBatches(CLIPS, TINY).from_epoch(1)[1][0])
    assert first.shape == (16, 64, 64, 3)
    assert labels.shape == (16, 1)
    assert 0.0 <= first.min() < first.max() <= 1.0


def test_classes_are_even_although_clips_are_not() -> None:
    labels = np.concatenate([TrainingBatches(CLIPS, TINY)[index][1] for index in range(2)])
    many = np.concatenate([TrainingBatches(CLIPS, replace(TINY, seed=seed))[0][1] for seed in range(12)])
    assert set(np.unique(labels)) == {0.0, 1.0}
    assert abs(many.mean() - 0.5) < 0.12


def test_large_sources_are_damped() -> None:
    clips = [make_clip(n, is_fake=True, source="large" if n < 90 else "small") for n in range(100)]
    clips += [make_clip(n, is_fake=False, source=f"real{n}") for n in range(100, 104)]
    batches = TrainingBatches(clips, TINY)
    assert batches._genuine is not None
    weights, numbers = batches._genuine.weights, batches._genuine.balanced
    share = {
        source: sum(w for w, n in zip(weights, numbers, strict=True) if clips[n][0].source == source)
        for source in ("large", "small")
    }
    assert share["large"] / share["small"] == pytest.approx(3.0)
    assert sum(share.values()) == pytest.approx(0.5)


def test_training_and_serving_cut_the_same_tensor() -> None:
    """The training crop of an unjittered face is bit for bit what serving cuts from the same picture."""
    picture = np.random.default_rng(0).integers(0, 256, (WIDE_PX, WIDE_PX, 3), dtype=np.uint8)
    side = WIDE_PX / (1 + 2 * WIDE_MARGIN)
    low, high = (WIDE_PX - side) / 2, (WIDE_PX + side) / 2
    served = crop_face(picture, FaceDetection(BoundingBox(low, low, high, high), 0.9), CONTRACT_V1)
    trained = crop_face(picture, wide_detection((0.0, 0.0), 1.0, 0.0), CONTRACT_V1)
    assert np.array_equal(to_model_input([served], CONTRACT_V1), to_model_input([trained], CONTRACT_V1))


def test_the_warm_start_is_read_whole() -> None:
    arrays = read_lite0()
    assert arrays["_conv_stem.weight"].shape == (32, 3, 3, 3)
    assert arrays["_fc.weight"].shape == (1000, 1280)
    assert arrays["_conv_stem.weight"][0, 0].ravel()[:3] == pytest.approx([-1.1103, -1.3088, -0.0102], abs=1e-4)
    model = build(RECIPES["1"])
    load_imagenet(model)
    kernel = model.get_layer("stem_conv").get_weights()[0]
    assert np.array_equal(kernel[1, 2, 0, 5], arrays["_conv_stem.weight"][5, 0, 1, 2])
    pair = build(TINY_PAIRS)
    load_imagenet(pair)
    for trunk in ("still_", "change_"):
        assert np.array_equal(pair.get_layer(f"{trunk}stem_conv").get_weights()[0], kernel)
        last = pair.get_layer(f"{trunk}s4b2_project_conv").get_weights()[0]
        assert np.array_equal(last, model.get_layer("s4b2_project_conv").get_weights()[0])


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> keras.Model:
    return train(CLIPS, TINY, tmp_path_factory.mktemp("unbroken"), progress=False)


def crops_of_all() -> ImageU8:
    return np.concatenate([crops.exact for _, crops in CLIPS])


def probes() -> FloatArray:
    return to_model_input(list(crops_of_all()), CONTRACT_V1)


class PowerCut(TrainingBatches):
    """Fails on the third epoch's batches, which Keras asks for while the second epoch ends."""

    def __getitem__(self, index: int) -> tuple[FloatArray, FloatArray]:
        if self._epoch == 2:
            raise OSError("power cut")
        return super().__getitem__(index)


def test_a_resumed_run_equals_an_unbroken_one(
    unbroken: keras.Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dfd_train.train.TrainingBatches", PowerCut)
    with pytest.raises(Exception, match="power cut"):  # TensorFlow wraps it in an error of its own
        train(CLIPS, TINY, tmp_path, progress=False)
    assert json.loads((tmp_path / "progress.json").read_text())["epochs_done"] == 1
    monkeypatch.undo()
    resumed = train(CLIPS, TINY, tmp_path, progress=False)
    for one, other in zip(unbroken.get_weights(), resumed.get_weights(), strict=True):
        assert np.array_equal(one, other)


def test_a_run_cut_short_while_it_saves_equals_an_unbroken_one(
    unbroken: keras.Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the model's state and what is said of it: no pass is trained twice."""
    write = train_module._write

    def power_cut(path: Path, text: str) -> None:
        if path.name == "progress.json" and json.loads(text)["epochs_done"] == 2:
            raise OSError("power cut")
        write(path, text)

    monkeypatch.setattr(train_module, "_write", power_cut)
    with pytest.raises(OSError, match="power cut"):
        train(CLIPS, TINY, tmp_path, progress=False)
    monkeypatch.undo()
    resumed = train(CLIPS, TINY, tmp_path, progress=False)
    for one, other in zip(unbroken.get_weights(), resumed.get_weights(), strict=True):
        assert np.array_equal(one, other)
    assert [path.name for path in tmp_path.glob("state*")] == ["state-3.keras"]


def test_another_seed_gives_another_model(unbroken: keras.Model, tmp_path: Path) -> None:
    other = train(CLIPS, replace(TINY, seed=2, epochs=1), tmp_path, progress=False)
    assert not np.allclose(score(unbroken, crops_of_all(), TINY), score(other, crops_of_all(), TINY), atol=1e-3)


def test_what_was_trained_in_bfloat16_is_served_in_float32(tmp_path: Path) -> None:
    """As is whatever is trained after it; an export in bfloat16 would answer otherwise than its ONNX file."""
    recipe = replace(QUICK, epochs=1, steps_per_epoch=1, batch_size=4, mixed_precision=True)  # slow without a GPU
    model = train(PAIR_CLIPS, recipe, tmp_path, progress=False)
    assert "bfloat16" in {layer.compute_dtype for layer in keras.models.load_model(tmp_path / "state-1.keras").layers}
    assert {layer.compute_dtype for layer in model.layers} == {"float32"}
    assert np.isfinite(score(model, PAIR_CLIPS[0][1].exact, recipe)).all()


def test_a_folder_with_another_recipe_is_refused(tmp_path: Path) -> None:
    (tmp_path / "recipe.json").write_text("{}")
    with pytest.raises(ConfigurationError, match="another recipe"):
        train(CLIPS, TINY, tmp_path, progress=False)


def test_a_folder_with_a_run_of_other_clips_is_refused(tmp_path: Path) -> None:
    """Its model may know the clips that are held out from this one."""
    train(PAIR_CLIPS[:-1], QUICK, tmp_path, progress=False)
    train(PAIR_CLIPS[-2::-1], QUICK, tmp_path, progress=False)  # in another order they are the same
    with pytest.raises(ConfigurationError, match="other clips or photographs"):
        train(PAIR_CLIPS, QUICK, tmp_path, progress=False)
    with pytest.raises(ConfigurationError, match="other clips or photographs"):
        train(PAIR_CLIPS[:-1], QUICK, tmp_path, Extras(PAIR_CLIPS[3:4]), progress=False)


def test_a_model_that_was_not_saved_whole_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def half(self: keras.Model, path: Path) -> None:
        Path(path).write_bytes(b"PK half of a")
        raise OSError("no space left")

    monkeypatch.setattr(keras.Model, "save", half)
    with pytest.raises(OSError, match="no space left"):
        train(PAIR_CLIPS, QUICK, tmp_path, progress=False)
    monkeypatch.undo()
    assert score(train(PAIR_CLIPS, QUICK, tmp_path, progress=False), PAIR_CLIPS[0][1].exact, QUICK).shape == (3,)


def test_what_trunks_find_is_kept_apart_by_what_it_depends_on(tmp_path: Path) -> None:
    """Trunks for the frame and for half of it have the same weights, and as many features."""
    large = replace(TINY_PAIRS, contract=replace(TINY_PAIRS.contract, size_px=160), stages=2)
    clip, *stills = (make_clip(number, is_fake=False, contract=large.contract) for number in range(20, 23))

    def found(recipe: Recipe, extras: Extras) -> FloatArray:
        keras.utils.set_random_seed(1)
        model = build(recipe)
        load_imagenet(model)
        return Features(model, recipe, extras).of_clip(clip)

    kept = Extras(stills, features=tmp_path)
    for trunks in (("still", "change"), ("half", "change"), ("still", "motion")):
        recipe = replace(large, trunks=trunks)
        first = found(recipe, kept)
        assert np.array_equal(first, found(recipe, Extras()))
        assert np.array_equal(first, found(recipe, kept))
    assert len(list(tmp_path.iterdir())) == 3
    found(large, replace(kept, stills=stills[:1]))
    assert len(list(tmp_path.iterdir())) == 4


def test_the_three_forms_agree(unbroken: keras.Model, tmp_path: Path) -> None:
    worst = export(unbroken, tmp_path, probes())
    assert 0 <= worst < 1e-3
    session = ort.InferenceSession(str(tmp_path / ONNX_NAME), providers=["CPUExecutionProvider"])
    (answer,) = session.run(None, {session.get_inputs()[0].name: probes()})
    assert answer.shape == (30, 1)
    assert {"saved_model.pb", ONNX_NAME} <= file_hashes(tmp_path).keys()


def test_probes_that_prove_nothing_are_refused(unbroken: keras.Model, tmp_path: Path) -> None:
    same = np.repeat(probes()[:1], 4, axis=0)
    with pytest.raises(ParityError, match="same answer"):
        export(unbroken, tmp_path, same)


def test_the_contract_is_the_classic_one() -> None:
    assert (CONTRACT_V1.size_px, CONTRACT_V1.layout) == (64, Layout.NHWC)
    assert (CONTRACT_V1.value_min, CONTRACT_V1.value_max) == (0.0, 1.0)


def test_a_foundation_lends_its_trunk_to_the_frame(tmp_path: Path) -> None:
    """It learns from forgeries of photographs alone; the trunk for what changes keeps ImageNet's weights."""
    alone = replace(TINY_PAIRS, contract=replace(TINY_PAIRS.contract, frames=1), made_share=1.0, stills_share=1.0)
    foundation = replace(alone, head_strength=0.0, frozen_stages=0, frozen_norms=False)
    stills = Extras([make_clip(number, is_fake=False, contract=TINY_PAIRS.contract) for number in range(20, 26)])
    taught = train([], foundation, tmp_path / "foundation", stills, progress=False)
    extras = replace(stills, foundation=tmp_path / "foundation" / MODEL_NAME)
    model = train(PAIR_CLIPS, replace(TINY_PAIRS, epochs=0), tmp_path / "run", extras, progress=False)

    def same(name: str, other: keras.Model, other_name: str) -> bool:
        pairs = zip(model.get_layer(name).get_weights(), other.get_layer(other_name).get_weights(), strict=True)
        return all(np.array_equal(one, two) for one, two in pairs)

    fresh = build(TINY_PAIRS)
    load_imagenet(fresh)
    for layer in ("stem_conv", "s4b0_dw_bn", "s4b2_project_conv"):
        assert same(f"still_{layer}", taught, layer)
        assert not same(f"still_{layer}", fresh, f"still_{layer}")
        assert same(f"change_{layer}", fresh, f"change_{layer}")


@pytest.fixture(scope="module")
def pair_model(tmp_path_factory: pytest.TempPathFactory) -> keras.Model:
    return train(PAIR_CLIPS, TINY_PAIRS, tmp_path_factory.mktemp("pairs"), progress=False)


def test_a_model_of_two_frames_sees_what_changes_between_them(pair_model: keras.Model) -> None:
    images = TrainingBatches(PAIR_CLIPS, TINY_PAIRS)[0][0]
    assert images.shape == (16, 80, 80, 6)
    stopped = np.concatenate([images[..., :3], images[..., :3]], axis=3)
    moving, still = (np.asarray(pair_model.predict(batch, verbose=0)) for batch in (images, stopped))
    assert not np.allclose(moving, still, atol=1e-3)


def test_frozen_layers_keep_what_imagenet_taught(pair_model: keras.Model) -> None:
    fresh = build(TINY_PAIRS)
    load_imagenet(fresh)

    def same(name: str) -> bool:
        pairs = zip(fresh.get_layer(name).get_weights(), pair_model.get_layer(name).get_weights(), strict=True)
        return all(np.array_equal(one, other) for one, other in pairs)

    assert same("still_stem_conv")
    assert same("change_s1b0_expand_conv")
    assert same("change_s4b0_dw_bn")
    assert not same("change_s4b0_expand_conv")


def test_the_last_layer_is_fitted_to_whole_clips_and_trunks_as_they_are(tmp_path: Path) -> None:
    recipe = replace(TINY_PAIRS, epochs=0, head_strength=10.0)
    model = train(PAIR_CLIPS, recipe, tmp_path, progress=False)
    means = [float(score(model, crops.exact, recipe).mean()) for _, crops in PAIR_CLIPS]
    assert [mean > 0 for mean in means] == [clip.is_fake for clip, _ in PAIR_CLIPS]  # it was fitted to these
    fresh = build(recipe)
    load_imagenet(fresh)
    for layer in ("still_s4b2_project_conv", "change_s4b2_project_conv"):
        assert np.array_equal(model.get_layer(layer).get_weights()[0], fresh.get_layer(layer).get_weights()[0])


def test_a_model_of_two_frames_is_exported_whole(pair_model: keras.Model, tmp_path: Path) -> None:
    images = TrainingBatches(PAIR_CLIPS, TINY_PAIRS)[1][0]
    assert 0 <= export(pair_model, tmp_path, images) < 1e-3


def test_trunks_that_look_at_half_the_size_take_the_foundation_too() -> None:
    recipe = RECIPES["2"]
    model, foundation = build(recipe), build(replace(recipe, contract=replace(recipe.contract, frames=1)))
    load_imagenet(foundation)
    load_foundation(model, foundation)
    assert model.get_layer("half_stem_conv").output.shape[1] == 40
    assert model.get_layer("motion_stem_conv").output.shape[1] == 40
    for name in ("still", "half"):
        ours, theirs = model.get_layer(f"{name}_stem_conv"), foundation.get_layer("stem_conv")
        assert np.array_equal(ours.get_weights()[0], theirs.get_weights()[0])
