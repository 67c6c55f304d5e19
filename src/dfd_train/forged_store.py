"""Forged clips on disk, one ``.npz`` each, written whole or not at all."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dfd.types import FloatArray, ImageU8


@dataclass(frozen=True, slots=True)
class ForgedClip:
    """One real clip and a forgery of it.

    Attributes:
        key: unique name, also the file's.
        clip_key: of the real clip.
        family: ``decoded``, ``reenacted``, ``dubbed`` or ``deepfake``.
        method: the family and what did it, for example ``decoded by transposed``.
        persons: everybody whose face went into it; none of them may stand on the other side of a split.
        sources: where their clips were published.
        wide: ``(N, 128, 128, 6) uint8``, forged: RGB of a frame, then of the one right after it.
        real: the same frames with the same change of colour and sharpness, not forged.
        points: ``(N, 468, 2) float32`` FaceMesh points on them.
    """

    key: str
    clip_key: str
    family: str
    method: str
    persons: tuple[str, ...]
    sources: tuple[str, ...]
    wide: ImageU8
    real: ImageU8
    points: FloatArray

    @property
    def count(self) -> int:
        return len(self.wide)


@dataclass(frozen=True, slots=True)
class ForgedFacts:
    """What is known of a forged clip without its pictures; see `ForgedClip`."""

    key: str
    family: str
    persons: tuple[str, ...]
    sources: tuple[str, ...]


class ForgedStore:
    """Writes and reads forged clips.

    Args:
        folder: where they lie.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __contains__(self, key: str) -> bool:
        return self._path(key).exists()

    def keys(self) -> list[str]:
        """Of all forged clips, sorted."""
        return sorted(path.stem for path in self._folder.glob("*.npz"))

    def facts(self) -> Iterator[ForgedFacts]:
        """Of all forged clips, in order of their keys."""
        for key in self.keys():
            with np.load(self._path(key)) as data:
                yield ForgedFacts(
                    key, str(data["family"][0]), tuple(map(str, data["persons"])), tuple(map(str, data["sources"]))
                )

    def write(self, clip: ForgedClip) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        partial = self._path(clip.key).with_suffix(".partial")
        with partial.open("wb") as file:
            np.savez(
                file,
                clip_key=_text([clip.clip_key]),
                family=_text([clip.family]),
                method=_text([clip.method]),
                persons=_text(clip.persons),
                sources=_text(clip.sources),
                wide=clip.wide,
                real=clip.real,
                points=clip.points,
            )
        partial.rename(self._path(clip.key))

    def read(self, key: str) -> ForgedClip:
        with np.load(self._path(key)) as data:
            return ForgedClip(
                key,
                str(data["clip_key"][0]),
                str(data["family"][0]),
                str(data["method"][0]),
                tuple(map(str, data["persons"])),
                tuple(map(str, data["sources"])),
                data["wide"],
                data["real"],
                data["points"],
            )

    def _path(self, key: str) -> Path:
        return self._folder / f"{key}.npz"


def _text(words: Sequence[str]) -> "np.ndarray[tuple[int], np.dtype[np.str_]]":
    return np.array(words, dtype=np.str_)
