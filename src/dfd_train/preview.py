"""A contact sheet of what the model is shown: reals, every family of made fakes, genuine fakes, all of them worn."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np

from dfd.types import ImageU8
from dfd_train.camera import degrade, worn
from dfd_train.datasets import Clip, DatasetError
from dfd_train.datasets.stills import STILLS
from dfd_train.forged_store import ForgedStore
from dfd_train.made_fakes import moved
from dfd_train.recipe import MOTION_GAIN
from dfd_train.store import ClipCrops
from dfd_train.synthesis import FORGERS, PARTNERS, FaceSample, Forged, PartnerKind, Partners, choose_donor

_LABEL_PX = 150
_GAP_PX = 2

Row = tuple[str, Sequence[ImageU8]]
"""A label and its pictures."""


def preview_rows(
    faces: Sequence[tuple[Clip, ClipCrops]],
    forged: ForgedStore,
    columns: int,
    rng: np.random.Generator,
) -> list[Row]:
    """The rows of a sheet, each column of the made fakes below the real face they are made of.

    Photographs are shown moved too, and what that changes.

    Args:
        faces: clips and their crops; those without a face are left out.
        forged: what `dfd_train.forge.Forge` made, may be empty.
        columns: pictures a row.
        rng: the source of all randomness.

    Raises:
        DatasetError: no real clip shows a face.
    """
    seen = [(clip, crops) for clip, crops in faces if crops.count]
    reals = [(clip, crops) for clip, crops in seen if not clip.is_fake]
    if not reals:
        raise DatasetError("no real clip with a face to show: cut a data set that has some with `dfd-train data`")
    chosen = [reals[int(number)] for number in rng.choice(len(reals), min(columns, len(reals)), replace=False)]
    made = _made(chosen, reals, rng)
    rows: list[Row] = [("real", [crops.wide[0] for _, crops in chosen])]
    rows += [(family, [pair.fake for pair in pairs]) for family, pairs in made.items()]
    rows += _moved_rows([crops.wide[0] for clip, crops in chosen if clip.dataset == STILLS], rng)
    rows += _forged_rows(forged, columns, rng)
    rows += _genuine_rows([item for item in seen if item[0].is_fake], columns, rng)
    state = rng.integers(2**63)  # both of a pair go through the same camera
    for label, pictures in (
        ("real", [p.real for p in made["self_blend"]]),
        ("fake", [p.fake for p in made["self_blend"]]),
    ):
        camera = np.random.default_rng(state)
        rows.append((f"worn {label}", [degrade(picture, camera) for picture in pictures]))
    rows.append(("worn clip", worn(list(chosen[0][1].wide[:columns]), rng)))
    return rows


def contact_sheet(rows: Sequence[Row], side_px: int) -> ImageU8:
    """Rows of pictures with their labels, ``(H, W, 3) uint8`` RGB on white.

    Args:
        rows: at least one; pictures are square, of any size.
        side_px: of every picture on the sheet.
    """
    columns = max(len(pictures) for _, pictures in rows)
    step = side_px + _GAP_PX
    sheet = np.full((len(rows) * step, _LABEL_PX + columns * step, 3), 255, np.uint8)
    for number, (label, pictures) in enumerate(rows):
        top = number * step
        cv2.putText(sheet, label, (4, top + side_px // 2), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (0, 0, 0), 1, cv2.LINE_AA)
        for column, picture in enumerate(pictures):
            left = _LABEL_PX + column * step
            tile = cv2.resize(picture, (side_px, side_px), interpolation=cv2.INTER_AREA)
            sheet[top : top + side_px, left : left + side_px] = tile
    return sheet


def write_sheet(path: Path, sheet: ImageU8) -> None:
    """Write a sheet as PNG."""
    _, data = cv2.imencode(".png", np.ascontiguousarray(sheet[..., ::-1]))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data.tobytes())


def _made(
    chosen: Sequence[tuple[Clip, ClipCrops]], reals: Sequence[tuple[Clip, ClipCrops]], rng: np.random.Generator
) -> Mapping[str, list[Forged]]:
    """Pairs of every family for the first frame of each chosen clip; a family without partners is left out."""
    partners = Partners(np.stack([crops.points[0] for _, crops in reals]), [_person(clip) for clip, _ in reals])
    made: dict[str, list[Forged]] = {}
    for family, forger in FORGERS.items():
        for clip, crops in chosen:
            partner: FaceSample | None = None
            if PARTNERS[family] is PartnerKind.OTHER_PERSON:
                number = partners.choose(crops.points[0], _person(clip), rng)
                if number is None:
                    continue
                partner = _sample(reals[number][1], 0)
            elif PARTNERS[family] is PartnerKind.SAME_PERSON:
                donor = choose_donor(crops.points[0], crops.points, rng)
                partner = None if donor is None else _sample(crops, donor)
            made.setdefault(family, []).append(forger(_sample(crops, 0), partner, rng))
    return made


def _moved_rows(photographs: Sequence[ImageU8], rng: np.random.Generator) -> list[Row]:
    if not photographs:
        return []
    after = [moved(picture, rng) for picture in photographs]
    change = [
        np.clip(128 + MOTION_GAIN * (later.astype(np.int16) - picture), 0, 255).astype(np.uint8)
        for picture, later in zip(photographs, after, strict=True)
    ]
    return [("moved", after), ("change", change)]


def _forged_rows(forged: ForgedStore, columns: int, rng: np.random.Generator) -> list[Row]:
    by_family: dict[str, list[str]] = {}
    for key in forged.keys():  # noqa: SIM118 -- a store is no mapping
        by_family.setdefault(key.rpartition("__")[2], []).append(key)
    return [
        (family, [forged.read(keys[number]).wide[0, ..., :3] for number in rng.permutation(len(keys))[:columns]])
        for family, keys in sorted(by_family.items())
    ]


def _genuine_rows(fakes: Sequence[tuple[Clip, ClipCrops]], columns: int, rng: np.random.Generator) -> list[Row]:
    by_family: dict[str, list[ImageU8]] = {}
    for clip, crops in fakes:
        by_family.setdefault(f"genuine {clip.family}", []).append(crops.wide[0])
    return [
        (family, [pictures[number] for number in rng.permutation(len(pictures))[:columns]])
        for family, pictures in sorted(by_family.items())
    ]


def _sample(crops: ClipCrops, frame: int) -> FaceSample:
    return FaceSample(crops.wide[frame], crops.points[frame])


def _person(clip: Clip) -> str:
    """Who is to be seen in a real clip; where the set does not tell, its source stands for the person."""
    return clip.persons[0] if clip.persons else clip.source
