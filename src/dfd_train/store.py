"""The crop store: faces cut out of a data set once, so that training never decodes a video.

One ``.npz`` a clip, written whole or not at all, so that an interrupted build goes on where it stopped. The folder is
named after the settings it was built with: a store of other settings is another store.
"""

import dataclasses
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from dfd.cropping import crop_face
from dfd.errors import InputError
from dfd.manifest import Alignment, InputContract, Layout
from dfd.ports import FaceDetector, VideoOpener
from dfd.sampling import sampling_times
from dfd.types import BoundingBox, FaceDetection, FloatArray, ImageU8
from dfd_train.camera import reencode
from dfd_train.datasets import Clip
from dfd_train.landmarks import FaceMesh

WIDE_PX = 144
WIDE_MARGIN = 0.35
_WIDE = InputContract(WIDE_PX, Layout.NHWC, 0.0, 1.0, WIDE_MARGIN, Alignment.EYES)


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
        text = json.dumps(dataclasses.asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class ClipCrops:
    """The faces of one clip.

    Attributes:
        exact: ``(N, S, S, 3) uint8`` RGB, cut as serving cuts.
        wide: ``(N, 144, 144, 3) uint8`` RGB, upright, the face box centred with a margin of 0.35.
        worn: as `wide`, after a low-rate H.264 encode of the wide crops.
        points: ``(N, 468, 2) float32`` FaceMesh points on `wide`.
        sampled: frames looked at; N of them showed a face.
    """

    exact: ImageU8
    wide: ImageU8
    worn: ImageU8
    points: FloatArray
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
        """Cut the faces of every clip that is not in the store yet.

        Raises:
            InputError: a clip cannot be read; the message names it.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        mesh = FaceMesh()
        for clip in tqdm(clips, "cutting faces", unit="clip", disable=not progress):
            target = self._path(clip)
            if target.exists():
                continue
            try:
                crops = self._cut(clip, opener, detector, mesh)
            except InputError as error:
                raise type(error)(f"{clip.path}: {error}") from error
            partial = target.with_suffix(".partial")
            with partial.open("wb") as file:
                np.savez(file, **{name: getattr(crops, name) for name in ClipCrops.__slots__})
            partial.rename(target)

    def read(self, clip: Clip) -> ClipCrops:
        """The faces of a clip."""
        with np.load(self._path(clip)) as data:
            return ClipCrops(data["exact"], data["wide"], data["worn"], data["points"], int(data["sampled"]))

    def _path(self, clip: Clip) -> Path:
        return self._folder / f"{clip.key}.npz"

    def _cut(self, clip: Clip, opener: VideoOpener, detector: FaceDetector, mesh: FaceMesh) -> ClipCrops:
        exact: list[ImageU8] = []
        wide: list[ImageU8] = []
        points: list[FloatArray] = []
        sampled = 0
        with opener.open(clip.path) as video:
            for frame in video.sample(
                sampling_times(video.info.duration_s, self._settings.fps, self._settings.max_frames)
            ):
                sampled += 1
                faces = detector.detect(frame.image)
                if not faces:
                    continue
                largest = max(faces, key=lambda face: face.box.area_px2)
                exact.append(crop_face(frame.image, largest, self._settings.contract))
                wide.append(crop_face(frame.image, largest, _WIDE))
                points.append(mesh.points(wide[-1])[0])
        return ClipCrops(
            _stack(exact, self._settings.contract.size_px),
            _stack(wide, WIDE_PX),
            _stack(_worn(clip, wide), WIDE_PX),
            np.stack(points) if points else np.empty((0, 468, 2), np.float32),
            sampled,
        )


def _worn(clip: Clip, wide: list[ImageU8]) -> list[ImageU8]:
    """Each crop after a re-encode whose strength depends on the clip's name alone."""
    if not wide:
        return []
    rng = np.random.default_rng(int.from_bytes(hashlib.sha256(clip.key.encode()).digest()[:8]))
    return reencode(wide, int(rng.integers(23, 39)), float(rng.choice([1.0, 0.75, 0.5])))


def _stack(images: list[ImageU8], side: int) -> ImageU8:
    return np.stack(images) if images else np.empty((0, side, side, 3), np.uint8)
