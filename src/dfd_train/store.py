"""The crop store: faces cut out of a data set once, so that training never decodes a video.

One ``.npz`` a clip, written whole or not at all, so that an interrupted build goes on where it stopped. The folder is
named after the settings it was built with: a store of other settings is another store. Each ``.npz`` says which file
it was cut from, since two data sets may use the same names.
"""

import dataclasses
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from dfd.cropping import crop_face
from dfd.errors import InputError
from dfd.evaluation.samples import file_stamp
from dfd.manifest import Alignment, InputContract, Layout
from dfd.ports import FaceDetector, VideoOpener
from dfd.quality import measure
from dfd.sampling import sampling_times
from dfd.types import QUALITY_MEASURES, BoundingBox, FaceDetection, FloatArray, Frame, ImageU8
from dfd_train.datasets import Clip, DatasetError
from dfd_train.landmarks import FaceMesh

WIDE_PX = 192
WIDE_MARGIN = 0.35
_FORMAT = 3
"""Of the files; raised when they hold something else, so that no old store is taken for a new one."""
_ORIGIN = "origin"
"""Where the files keep which file they were cut from."""
_WIDE = InputContract(WIDE_PX, Layout.NHWC, 0.0, 1.0, WIDE_MARGIN, Alignment.EYES, frames=2)


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """What a store is built with.

    Attributes:
        contract: input contract whose exact crops are kept for validation.
        fps: sampling rate.
        max_frames: frames a clip at most.
    """

    contract: InputContract
    fps: float = 4.0
    max_frames: int = 12

    @property
    def digest(self) -> str:
        """Short name of these settings."""
        text = json.dumps({"format": _FORMAT, **dataclasses.asdict(self)}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class ClipCrops:
    """The faces of one clip.

    Attributes:
        exact: ``(N, S, S, 3 * frames) uint8`` RGB, cut as serving cuts.
        wide: ``(N, 192, 192, 3) uint8`` RGB, upright, the face box centred with a margin of 0.35.
        following: the same place in the frame after each; the same picture where there is none.
        points: ``(N, 468, 2) float32`` FaceMesh points on `wide`.
        measures: ``(N, K) float64`` quality of each face as serving measures it (`dfd.types.QUALITY_MEASURES`).
        sampled: frames looked at; N of them showed a face.
    """

    exact: ImageU8
    wide: ImageU8
    following: ImageU8
    points: FloatArray
    measures: npt.NDArray[np.float64]
    sampled: int

    @property
    def count(self) -> int:
        return len(self.exact)


def wide_detection(shift: tuple[float, float], scale: float, angle_rad: float) -> FaceDetection:
    """The face of a wide crop, jittered.

    Args:
        shift: of the box, as a share of its side.
        scale: of the box.
        angle_rad: tilt that `crop_face` will take out (so the crop shows the opposite tilt).
    """
    side = WIDE_PX / (1 + 2 * WIDE_MARGIN)
    centre = np.array([WIDE_PX / 2 + shift[0] * side, WIDE_PX / 2 + shift[1] * side])
    half = side * scale / 2
    eye = np.array([np.cos(angle_rad), np.sin(angle_rad)]) * side / 4
    landmarks = np.tile(centre, (6, 1)).astype(np.float32)
    landmarks[0], landmarks[1] = centre - eye, centre + eye
    box = BoundingBox(centre[0] - half, centre[1] - half, centre[0] + half, centre[1] + half)
    return FaceDetection(box, 1.0, landmarks)


class CropStore:
    """Builds and reads a crop store.

    Args:
        root: folder under which stores are kept.
        settings: what this one is built with.
    """

    def __init__(self, root: Path, settings: StoreSettings) -> None:
        self._settings = settings
        self._folder = root / settings.digest

    def build(self, clips: Sequence[Clip], opener: VideoOpener, detector: FaceDetector, *, progress: bool) -> None:
        """Cut the faces of every clip that is not in the store yet, or whose file is another than that which was cut.

        Raises:
            InputError: a clip cannot be read; the message names it.
            DatasetError: its file breaks off, or is not the one whose hash the set tells.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        mesh = FaceMesh()
        for clip in tqdm(clips, "cutting faces", unit="clip", disable=not progress):
            if self._holds(clip):
                continue
            origin = _origin(clip)
            try:
                crops = self._cut(clip, opener, detector, mesh)
            except InputError as error:
                raise type(error)(f"{clip.path}: {error}") from error
            partial = self._path(clip).with_suffix(".partial")
            arrays: dict[str, Any] = {name: getattr(crops, name) for name in ClipCrops.__slots__}
            with partial.open("wb") as file:
                np.savez(file, **arrays | {_ORIGIN: np.array(origin)})
            partial.rename(self._path(clip))

    def read(self, clip: Clip) -> ClipCrops:
        """The faces of a clip."""
        with np.load(self._path(clip)) as data:
            arrays = {name: data[name] for name in ClipCrops.__slots__ if name != "sampled"}
            return ClipCrops(**arrays, sampled=int(data["sampled"]))

    def _holds(self, clip: Clip) -> bool:
        """Whether faces of this very file are there."""
        if not self._path(clip).exists():
            return False
        with np.load(self._path(clip)) as data:
            return str(data[_ORIGIN]) == _origin(clip)

    def _path(self, clip: Clip) -> Path:
        return self._folder / f"{clip.key}.npz"

    def _cut(self, clip: Clip, opener: VideoOpener, detector: FaceDetector, mesh: FaceMesh) -> ClipCrops:
        _check_hash(clip)
        faces = _Faces(self._settings.contract)
        with opener.open(clip.path) as video:
            times = sampling_times(video.info.duration_s, self._settings.fps, self._settings.max_frames)
            for frame in video.sample(times, with_next=True):
                faces.sampled += 1
                found = detector.detect(frame.image)
                if found:
                    faces.add(frame, max(found, key=lambda face: face.box.area_px2), mesh)
            if not video.complete:
                raise DatasetError("the video breaks off: fetch it again, or take it out of the list")
        return faces.crops()


def _check_hash(clip: Clip) -> None:
    if not clip.sha256 or clip.frames:
        return
    with clip.path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != clip.sha256:
        raise DatasetError(f"its sha256 is {found}, not {clip.sha256} as listed: fetch it again, or mend the list")


def _origin(clip: Clip) -> str:
    """What tells a clip's file from another of its name: the hash if it is known, else size and time of writing.

    Of many pictures the first and the last stand for all.
    """
    ends = (clip.frames[0], clip.frames[-1]) if clip.frames else (clip.path,)
    return clip.sha256 or " ".join(file_stamp(path) for path in ends)


class _Faces:
    """Collects the faces of one clip."""

    def __init__(self, contract: InputContract) -> None:
        self._contract = contract
        self._exact: list[ImageU8] = []
        self._wide: list[ImageU8] = []
        self._following: list[ImageU8] = []
        self._points: list[FloatArray] = []
        self._measures: list[tuple[float, ...]] = []
        self.sampled = 0

    def add(self, frame: Frame, face: FaceDetection, mesh: FaceMesh) -> None:
        """Cut one face out of its frame and the next one."""
        exact = crop_face(frame.picture, face, self._contract, frame.next_picture)
        wide = crop_face(frame.picture, face, _WIDE, frame.next_picture)
        quality = measure(np.ascontiguousarray(exact[..., :3]), face.box.side_px / frame.scale)
        self._exact.append(exact)
        self._wide.append(wide[..., :3])
        self._following.append(wide[..., 3:])
        self._points.append(mesh.points(np.ascontiguousarray(wide[..., :3]))[0])
        self._measures.append(quality.measures)

    def crops(self) -> ClipCrops:
        """All of them."""
        side, count = self._contract.size_px, len(self._wide)
        return ClipCrops(
            np.array(self._exact, np.uint8).reshape(count, side, side, 3 * self._contract.frames),
            np.array(self._wide, np.uint8).reshape(count, WIDE_PX, WIDE_PX, 3),
            np.array(self._following, np.uint8).reshape(count, WIDE_PX, WIDE_PX, 3),
            np.array(self._points, np.float32).reshape(count, 468, 2),
            np.array(self._measures, np.float64).reshape(count, len(QUALITY_MEASURES)),
            self.sampled,
        )
