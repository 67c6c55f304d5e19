"""The forge: networks of every kind, training that goes on where it stopped, forged clips that say who is in them."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops
from tests.train.sample_faces import PEOPLE, clip_of, face_of

from dfd.errors import ConfigurationError
from dfd.types import FloatArray
from dfd_train.datasets import DatasetError
from dfd_train.forge import FAMILIES, FORGED_PX, Forge, ForgeClip, ForgeSettings, fitting
from dfd_train.forge.fitting import fit
from dfd_train.forge.networks import (
    UPSAMPLERS,
    PixelShuffle,
    Redrawer,
    build_autoencoder,
    build_face_decoder,
    build_face_encoder,
    chained,
    detail_loss,
)
from dfd_train.forge.pictures import patches, warped_faces
from dfd_train.forge.training import chosen_people

TINY = ForgeSettings(size_px=32, steps=2, people=2, min_frames=3)


def clips() -> list[ForgeClip]:
    made = []
    for person in PEOPLE:
        samples = clip_of(person)
        wide, points = np.stack([face.image for face in samples]), np.stack([face.points for face in samples])
        following = np.roll(wide, 1, axis=2)
        made.append(ForgeClip.shrunk(f"clip-{person}", person, f"film/{person}", wide, following, points))
    return made


@pytest.mark.parametrize("upsampler", sorted(UPSAMPLERS))
def test_autoencoders_take_any_size_and_survive_the_disk(upsampler: str, tmp_path: Path) -> None:
    model = build_autoencoder(upsampler)
    model.save(tmp_path / "a.keras")
    again = Redrawer(keras.models.load_model(tmp_path / "a.keras"))
    for side_px in (64, 96, 101):
        image = face_of("hopper", side_px).image
        drawn = Redrawer(model)(image)
        assert drawn.shape == image.shape
        assert drawn.dtype == np.uint8
        assert np.array_equal(drawn, again(image))


@pytest.mark.parametrize("size_px", [32, 64, 96])
def test_encoder_and_decoder_fit(size_px: int) -> None:
    model = chained(build_face_encoder(size_px), build_face_decoder(size_px))
    assert model.output_shape == (None, size_px, size_px, 3)


def test_pixels_are_shuffled_into_cells() -> None:
    """Channel ``(2 row + column) C + c`` of a pixel becomes channel c of one of its four cells."""
    image = np.random.default_rng(0).random((2, 3, 5, 8)).astype(np.float32)
    grown = ops.convert_to_numpy(PixelShuffle()(image))
    assert grown.shape == (2, 6, 10, 2)
    for row in range(2):
        for column in range(2):
            first = (2 * row + column) * 2
            assert np.array_equal(grown[:, row::2, column::2], image[..., first : first + 2])


def test_the_loss_is_nought_for_equal_pictures_and_counts_lost_edges() -> None:
    stripes = np.zeros((1, 8, 8, 3), np.float32)
    stripes[:, ::2] = 1
    grey, inverse = np.full_like(stripes, 0.5), 1 - stripes
    assert float(detail_loss(stripes, stripes)[0]) == 0
    assert float(detail_loss(stripes, grey)[0]) == pytest.approx(0.5 + 1.0)
    assert float(detail_loss(stripes, inverse)[0]) == pytest.approx(1.0 + 2.0)


def test_patches_and_warped_faces_depend_on_the_generator_alone() -> None:
    makers: list[Callable[[np.random.Generator], tuple[FloatArray, ...]]] = [
        lambda rng: (patches(clips(), 48, 5, rng),),
        lambda rng: warped_faces(clips()[0].aligned(48), 5, rng),
    ]
    for make in makers:
        first, again, other = (make(np.random.default_rng(seed)) for seed in (1, 1, 2))
        for one, same, different in zip(first, again, other, strict=True):
            assert one.shape == (5, 48, 48, 3)
            assert one.dtype == np.float32
            assert 0 <= one.min() < one.max() <= 1
            assert np.array_equal(one, same)
            assert not np.array_equal(one, different)


def test_a_warp_bends_a_face_but_does_not_replace_it() -> None:
    warped, plain = warped_faces(clips()[0].aligned(64), 12, np.random.default_rng(0))
    assert np.abs(warped - plain).mean() > 0.005
    assert np.corrcoef(warped.ravel(), plain.ravel())[0, 1] > 0.85


def noise(step: int) -> tuple[FloatArray, FloatArray]:
    batch = np.random.default_rng(step).random((2, 16, 16, 3)).astype(np.float32)
    return batch, batch


def seeded() -> keras.Model:
    keras.utils.set_random_seed(1)
    return build_autoencoder("nearest")


def test_a_resumed_fit_equals_an_unbroken_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fitting, "_SAVE_EVERY", 2)

    def power_cut(step: int) -> tuple[FloatArray, FloatArray]:
        if step == 3:
            raise OSError("power cut")
        return noise(step)

    unbroken = fit(tmp_path / "unbroken.keras", seeded, noise, 5, progress=False)
    with pytest.raises(OSError, match="power cut"):
        fit(tmp_path / "cut.keras", seeded, power_cut, 5, progress=False)
    assert (tmp_path / "cut.part.keras").exists()
    resumed = fit(tmp_path / "cut.keras", seeded, noise, 5, progress=False)
    for one, other in zip(unbroken.get_weights(), resumed.get_weights(), strict=True):
        assert np.array_equal(one, other)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cut.keras", "unbroken.keras"]

    def never(step: int) -> tuple[FloatArray, FloatArray]:
        raise AssertionError(f"step {step} of a finished network")

    done = fit(tmp_path / "cut.keras", seeded, never, 5, progress=False)
    assert np.array_equal(done.get_weights()[0], resumed.get_weights()[0])


def test_people_with_the_most_frames_come_first() -> None:
    one, other = clips()
    assert chosen_people([one, other, other], TINY) == [other.person, one.person]
    assert chosen_people([one, other, other], ForgeSettings(people=1, min_frames=3)) == [other.person]
    assert chosen_people([one, other, other], ForgeSettings(min_frames=5)) == [other.person]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("forge")
    Forge(folder, TINY).train(clips(), progress=False)
    return folder


def test_forged_clips_say_who_is_in_them(trained: Path) -> None:
    forge = Forge(trained, TINY)
    keys = forge.render(clips(), progress=False)
    assert sorted(keys) == forge.store.keys()
    assert len(keys) == len(PEOPLE) * len(FAMILIES)
    for key in keys:
        forged = forge.store.read(key)
        real = next(clip for clip in clips() if clip.key == forged.clip_key)
        assert forged.wide.shape == forged.real.shape == (forged.count, FORGED_PX, FORGED_PX, 6)
        assert forged.count == len(real.images)
        assert forged.persons[0] == real.person
        assert forged.sources[0] == real.source
        assert set(forged.persons) == (set(PEOPLE) if forged.family == "deepfake" else {real.person})
        assert len(forged.sources) == len(forged.persons)
        assert np.abs(forged.wide.astype(int) - forged.real).max() > 8
        assert np.array_equal(forged.points, real.points)


def test_what_is_forged_is_not_forged_again(trained: Path) -> None:
    forge = Forge(trained, TINY)
    forge.render(clips(), progress=False)
    before = {path: path.stat().st_mtime_ns for path in trained.rglob("*") if path.is_file()}
    forge.train(clips(), progress=False)
    forge.render(clips(), progress=False)
    assert {path: path.stat().st_mtime_ns for path in trained.rglob("*") if path.is_file()} == before


def test_a_folder_made_of_other_clips_is_refused(tmp_path: Path) -> None:
    """Of the same name, but other pictures or somebody else in them: the networks would know who is held out."""
    forge = Forge(tmp_path, TINY)
    first, second = clips()
    forge.train([first, second], progress=False)
    renamed, mirrored = replace(second, source="film/other"), replace(first, images=first.images[:, ::-1].copy())
    for others in ([first], [first, renamed], [mirrored, second]):
        with pytest.raises(ConfigurationError, match="was made of other clips: give another folder, or delete it"):
            Forge(tmp_path, TINY).train(others, progress=False)
    for others in ([renamed], [mirrored, second]):
        with pytest.raises(ConfigurationError, match="was made of other clips"):
            Forge(tmp_path, TINY).render(others, progress=False)
    forge.train([second, first], progress=False)
    assert forge.render([second], ["decoded"], progress=False) == [f"{second.key}__decoded"]


def test_a_folder_that_does_not_tell_its_clips_is_that_of_the_first_to_come(tmp_path: Path) -> None:
    Forge(tmp_path, TINY).train(clips(), progress=False)
    (tmp_path / "learned_from.json").unlink()
    Forge(tmp_path, TINY).train(clips(), progress=False)
    with pytest.raises(ConfigurationError, match="was made of other clips"):
        Forge(tmp_path, TINY).train(clips()[:1], progress=False)


def test_a_forgery_does_not_depend_on_what_was_forged_before(trained: Path) -> None:
    forge = Forge(trained, TINY)
    keys = forge.render(clips(), progress=False)
    first = forge.store.read(keys[-1])
    (trained / "clips" / f"{keys[-1]}.npz").unlink()
    forge.render(clips()[1:] + clips()[:1], progress=False)
    assert np.array_equal(forge.store.read(keys[-1]).wide, first.wide)


def test_more_people_may_come_but_no_other_settings(trained: Path) -> None:
    Forge(trained, ForgeSettings(size_px=32, steps=2, people=5, min_frames=3))
    with pytest.raises(ConfigurationError, match="other settings"):
        Forge(trained, ForgeSettings(size_px=32, steps=3, people=2, min_frames=3))


def test_one_person_lends_nobody_a_face(tmp_path: Path) -> None:
    forge = Forge(tmp_path, TINY)
    forge.train(clips()[:1], progress=False)
    assert forge.render(clips()[:1], ["deepfake"], progress=False) == []


def test_misuse_names_the_fix(tmp_path: Path) -> None:
    forge = Forge(tmp_path, TINY)
    with pytest.raises(DatasetError, match="dfd-train data"):
        forge.train([], progress=False)
    with pytest.raises(ConfigurationError, match="train the forge first"):
        forge.render(clips(), progress=False)
    with pytest.raises(ConfigurationError, match="unknown families masks"):
        forge.render(clips(), ["masks"], progress=False)
    for size_px in (60, 0, 256):
        with pytest.raises(ConfigurationError, match="multiple of 16"):
            ForgeSettings(size_px=size_px)
