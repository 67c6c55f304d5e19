"""Forging clips with the trained networks."""

import functools
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import keras
import numpy as np

from dfd.errors import ConfigurationError
from dfd.types import ImageU8
from dfd_train.forge.networks import UPSAMPLERS, Redrawer
from dfd_train.forge.pictures import ForgeClip
from dfd_train.forge.settings import ForgeSettings
from dfd_train.forge.training import person_path
from dfd_train.forged_store import ForgedClip
from dfd_train.synthesis import PARTNERS, FaceSample, Forger, PartnerKind, Partners, choose_donor, forge_clip
from dfd_train.synthesis.decoded import decoded, deepfake, dubbed, reenacted

FAMILIES = ("decoded", "reenacted", "dubbed", "deepfake")
_LOADED = 16  # people's networks kept in memory


class Renderer:
    """Makes one forgery of a clip in a family.

    Args:
        folder: of the networks.
        settings: they were trained with.
        clips: real ones, whose people may lend their faces.

    Raises:
        ConfigurationError: a network is missing.
    """

    def __init__(self, folder: Path, settings: ForgeSettings, clips: Sequence[ForgeClip]) -> None:
        absent = [name for name in UPSAMPLERS if not (folder / f"{name}.keras").exists()]
        if absent:
            raise ConfigurationError(f"{folder} lacks the networks {', '.join(absent)}: train the forge first")
        self._folder = folder
        self._settings = settings
        self._redrawers = {name: Redrawer(keras.models.load_model(folder / f"{name}.keras")) for name in UPSAMPLERS}
        self._lenders = [clip for clip in clips if person_path(folder, clip.person).exists()]
        first_points = np.array([clip.points[0] for clip in self._lenders]).reshape(-1, 468, 2)
        self._partners = Partners(first_points, [clip.person for clip in self._lenders])
        self._person = functools.lru_cache(maxsize=_LOADED)(self._load_person)

    def forged(self, clip: ForgeClip, family: str) -> ForgedClip | None:
        """A forgery of every frame; None where the family needs another person's decoder and there is none.

        What comes out depends on the settings' seed, the clip and the family, and not on what was forged before.

        Args:
            clip: a real one.
            family: one of `FAMILIES`.
        """
        key = f"{clip.key}__{family}"
        rng = np.random.default_rng([self._settings.seed, int.from_bytes(hashlib.sha256(key.encode()).digest()[:8])])
        lender = self._lender(clip, rng) if family == "deepfake" else clip
        if lender is None:
            return None
        used = str(rng.choice(sorted(self._redrawers)))
        forger = self._forger(family, {used: self._redrawers[used]}, lender)
        pairs = forge_clip(forger, clip.samples(), self._donors(clip, family, rng), rng)
        return ForgedClip(
            key=key,
            clip_key=clip.key,
            family=family,
            method="shared encoder, own decoder" if family == "deepfake" else used,
            persons=tuple(dict.fromkeys((clip.person, lender.person))),
            sources=tuple(dict.fromkeys((clip.source, lender.source))),
            wide=_side_by_side([pair.fake for pair in pairs]),
            real=_side_by_side([pair.real for pair in pairs]),
            points=clip.points,
        )

    def _forger(self, family: str, redraws: Mapping[str, Redrawer], lender: ForgeClip) -> Forger:
        if family == "deepfake":
            return deepfake(self._person(lender.person), self._settings.size_px)
        return {"decoded": decoded, "reenacted": reenacted, "dubbed": dubbed}[family](redraws)

    def _lender(self, clip: ForgeClip, rng: np.random.Generator) -> ForgeClip | None:
        number = self._partners.choose(clip.points[0], clip.person, rng, closest=8)
        return None if number is None else self._lenders[number]

    def _donors(self, clip: ForgeClip, family: str, rng: np.random.Generator) -> list[FaceSample] | None:
        """For each frame another one of the same clip, or the same still for all, as reenactment of a photograph.

        Two neighbouring frames get two neighbouring donors. None where the family takes none, or there is no other
        frame.
        """
        if PARTNERS[family] is not PartnerKind.SAME_PERSON:
            return None
        donor = choose_donor(clip.points[0], clip.points, rng)
        if donor is None:
            return None
        samples = clip.samples()
        if family == "reenacted":
            return [samples[2 * donor]]
        start = 2 + 2 * int(rng.integers(len(clip.images) - 1))
        return samples[start:] + samples[:start]

    def _load_person(self, person: str) -> Redrawer:
        return Redrawer(keras.models.load_model(person_path(self._folder, person)))


def _side_by_side(pictures: Sequence[ImageU8]) -> ImageU8:
    """Frames and the ones after them in turn, ``2 N`` of ``(S, S, 3)``, as ``(N, S, S, 6)``."""
    return np.concatenate([np.stack(pictures[::2]), np.stack(pictures[1::2])], axis=3)
