"""Pairs for training: what they are made of, and what they must not be made of."""

from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest
from tests.train.test_training import TINY_PAIRS, make_clip

from dfd.types import ImageU8
from dfd_train import made_fakes
from dfd_train.datasets import DatasetError
from dfd_train.forge import forge_clips
from dfd_train.forged_store import ForgedClip, ForgedStore
from dfd_train.made_fakes import Extras, MadeFakes
from dfd_train.store import WIDE_PX, ClipCrops
from dfd_train.synthesis import FaceSample, Forged

CLIPS = [make_clip(number, is_fake=False, source=f"s{number}", contract=TINY_PAIRS.contract) for number in range(4)]
STILLS = [make_clip(number, is_fake=False, source=f"still{number}", contract=TINY_PAIRS.contract) for number in (8, 9)]


def forged(folder: Path, key: str, persons: tuple[str, ...], sources: tuple[str, ...], value: int) -> ForgedStore:
    """A store with one more forged clip: the reals are `value`, the forgeries 100 more."""
    store = ForgedStore(folder)
    pictures = np.full((2, 128, 128, 6), value, np.uint8)
    points = np.zeros((2, 468, 2), np.float32)
    store.write(ForgedClip(key, "0", "decoded", "nearest", persons, sources, pictures + 100, pictures, points))
    return store


def first_frame(crops: ClipCrops) -> ClipCrops:
    """As a photograph has it."""
    kept = (crops.exact[:1], crops.wide[:1], crops.following[:1], crops.points[:1], crops.measures[:1])
    return ClipCrops(*kept, sampled=1)


def is_among(picture: ImageU8, faces: list[ImageU8]) -> bool:
    return any(np.array_equal(picture, face) for wide in faces for face in wide)


def test_pairs_show_the_same_moment_twice() -> None:
    made = MadeFakes(CLIPS, Extras(), replace(TINY_PAIRS, made=MappingProxyType({"swap": 1.0})))
    for seed in range(4):
        real, fake = made.draw(np.random.default_rng(seed))
        assert len(real) == len(fake) == 2
        assert all(picture.shape == (WIDE_PX, WIDE_PX, 3) for picture in (*real, *fake))
        assert any(not np.array_equal(one, other) for one, other in zip(real, fake, strict=True))


def test_photographs_are_made_to_move() -> None:
    """Else a still pair would be known by its stillness; both of the pair move alike."""
    recipe = replace(TINY_PAIRS, made=MappingProxyType({"rerender": 1.0}), stills_share=1.0)
    made = MadeFakes(CLIPS, Extras(STILLS), recipe)
    real, _ = made.draw(np.random.default_rng(1))
    assert not np.array_equal(real[0], real[1])


def test_a_photograph_takes_its_mouth_from_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own would say nothing new; a clip has other frames to take one from."""
    partners: list[FaceSample | None] = []

    def forger(sample: FaceSample, partner: FaceSample | None, rng: np.random.Generator) -> Forged:
        partners.append(partner)
        return Forged(sample.image, sample.image, np.zeros(sample.image.shape[:2], np.float32), "lipsync", "mouth")

    monkeypatch.setattr(made_fakes, "FORGERS", {"lipsync": forger})
    photographs = [(clip, first_frame(crops)) for clip, crops in STILLS]
    for stills_share in (1.0, 0.0):
        recipe = replace(TINY_PAIRS, made=MappingProxyType({"lipsync": 1.0}), stills_share=stills_share)
        MadeFakes(CLIPS, Extras(photographs), recipe).draw(np.random.default_rng(1))
    assert [partner is None for partner in partners] == [True, True, False, False]


def test_forged_clips_of_people_held_out_are_not_used(tmp_path: Path) -> None:
    known = CLIPS[0][0]
    forged(tmp_path, "known", known.persons, (known.source,), 10)
    forged(tmp_path, "stranger", ("somebody else", *known.persons), (known.source,), 60)
    store = forged(tmp_path, "elsewhere", known.persons, ("another source",), 110)
    made = MadeFakes(CLIPS, Extras(forged=store), replace(TINY_PAIRS, made=MappingProxyType({"decoded": 1.0})))
    for seed in range(12):
        real, fake = made.draw(np.random.default_rng(seed))
        assert {int(picture.max()) for picture in real} == {10}
        assert {int(picture.max()) for picture in fake} == {110}


def test_where_nobody_is_named_the_source_stands_for_a_person(tmp_path: Path) -> None:
    """As it does in the forge."""
    nobody = [(replace(clip, persons=()), crops) for clip, crops in CLIPS]
    reals = forge_clips(nobody)
    for clip, value in ((reals[0], 10), (replace(reals[0], person="s9"), 60)):
        store = forged(tmp_path, f"{value}", (clip.person,), (clip.source,), value)
    made = MadeFakes(nobody, Extras(forged=store), replace(TINY_PAIRS, made=MappingProxyType({"decoded": 1.0})))
    for seed in range(12):
        real, _ = made.draw(np.random.default_rng(seed))
        assert {int(picture.max()) for picture in real} == {10}


def test_families_without_a_clip_are_left_out(tmp_path: Path) -> None:
    recipe = replace(TINY_PAIRS, made=MappingProxyType({"decoded": 50.0, "self_blend": 1.0}))
    made = MadeFakes(CLIPS, Extras(forged=ForgedStore(tmp_path)), recipe)
    real, fake = made.draw(np.random.default_rng(0))
    assert real[0].shape == fake[0].shape


def test_without_a_clip_of_any_family_there_is_nothing_to_draw(tmp_path: Path) -> None:
    recipe = replace(TINY_PAIRS, made=MappingProxyType({"decoded": 1.0, "dubbed": 1.0}))
    for extras in (Extras(), Extras(forged=ForgedStore(tmp_path))):
        with pytest.raises(DatasetError, match="none of the forgeries decoded, dubbed can be made: no forged clip"):
            MadeFakes(CLIPS, extras, recipe)
