"""What the forge's networks learn from: patches of clips, and faces whose warp is to be undone."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from dfd.types import FloatArray, ImageU8
from dfd_train.datasets import Clip
from dfd_train.store import ClipCrops
from dfd_train.synthesis import FaceSample
from dfd_train.synthesis.warping import alignment

FORGED_PX = 128
"""Side of every crop the forge takes in and gives out. Enough to train a detector on, too small for anything else."""


@dataclass(frozen=True, slots=True)
class ForgeClip:
    """The faces of one real clip.

    Attributes:
        key: unique name.
        person: who is to be seen.
        source: where it was published.
        images: ``(N, 128, 128, 3) uint8`` RGB, upright faces with some context, in order of time.
        following: the same place in the frame right after each.
        points: ``(N, 468, 2) float32`` FaceMesh points on `images`; between two frames they hardly move.
    """

    key: str
    person: str
    source: str
    images: ImageU8
    following: ImageU8
    points: FloatArray

    @classmethod
    def shrunk(
        cls, key: str, person: str, source: str, wide: ImageU8, following: ImageU8, points: FloatArray
    ) -> "ForgeClip":
        """From crops of any size, ``(N, W, W, 3)``, those of the next frames, and points on them; at least one."""
        scale = np.float32(FORGED_PX / wide.shape[1])
        return cls(key, person, source, _shrunk(wide), _shrunk(following), (points * scale).astype(np.float32))

    @property
    def fingerprint(self) -> str:
        """Hash of the pictures, their points, and who and where they are of: what a forgery of the clip depends on."""
        digest = hashlib.sha256(json.dumps([self.person, self.source, self.images.shape]).encode())
        for part in (self.images, self.following, self.points):
            digest.update(part.tobytes())
        return digest.hexdigest()

    def samples(self) -> list[FaceSample]:
        """Each face and then the one in the next frame, in order of time."""
        return [
            FaceSample(picture, points)
            for image, following, points in zip(self.images, self.following, self.points, strict=True)
            for picture in (image, following)
        ]

    def aligned(self, size_px: int) -> ImageU8:
        """Every face with eyes, nose and mouth at fixed places, ``(N, size_px, size_px, 3) uint8``."""
        return np.stack(
            [
                cv2.warpAffine(image, alignment(points, size_px), (size_px, size_px), borderMode=cv2.BORDER_REPLICATE)
                for image, points in zip(self.images, self.points, strict=True)
            ]
        ).astype(np.uint8)


def forge_clips(faces: Iterable[tuple[Clip, ClipCrops]]) -> list[ForgeClip]:
    """Clips of a crop store made ready for the forge; those without a face are left out.

    Args:
        faces: real clips and their crops. Where a set names no person, the clip's source stands for one.
    """
    return [
        ForgeClip.shrunk(
            clip.key, (*clip.persons, clip.source)[0], clip.source, crops.wide, crops.following, crops.points
        )
        for clip, crops in faces
        if crops.count
    ]


def patches(clips: Sequence[ForgeClip], size_px: int, count: int, rng: np.random.Generator) -> FloatArray:
    """Random squares of random frames, mirrored in half the cases, ``(count, size_px, size_px, 3) float32`` in [0, 1].

    Args:
        clips: where they come from, each clip as often as any other.
        size_px: side; the squares are half to all of a frame's.
        count: how many.
        rng: the source of all randomness.
    """
    batch = np.empty((count, size_px, size_px, 3), np.float32)
    for number in range(count):
        clip = clips[int(rng.integers(len(clips)))]
        image = clip.images[rng.integers(len(clip.images))]
        side = int(rng.integers(FORGED_PX // 2, FORGED_PX + 1))
        top, left = rng.integers(0, FORGED_PX - side + 1, 2)
        square = cv2.resize(
            image[top : top + side, left : left + side], (size_px, size_px), interpolation=cv2.INTER_AREA
        )
        batch[number] = square[:, ::-1] if rng.random() < 0.5 else square
    return batch / np.float32(255)


def warped_faces(faces: ImageU8, count: int, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """Random faces, warped, and the same unwarped: what the shared encoder of a deepfake is trained on.

    The idea of the deepfakes of 2017: an encoder that must undo a random warp keeps expression and pose in its code,
    and leaves the look to the decoder.

    Args:
        faces: ``(N, S, S, 3) uint8``, aligned.
        count: how many.
        rng: the source of all randomness.

    Returns:
        warped and unwarped, each ``(count, S, S, 3) float32`` in [0, 1].
    """
    side = faces.shape[1]
    warped, plain = (np.empty((count, side, side, 3), np.float32) for _ in range(2))
    for number in range(count):
        turn, scale = rng.uniform(-8, 8), rng.uniform(0.95, 1.06)
        moved = cv2.getRotationMatrix2D((side / 2, side / 2), turn, scale)
        moved[:, 2] += rng.uniform(-0.03, 0.03, 2) * side
        face = cv2.warpAffine(faces[rng.integers(len(faces))], moved, (side, side), borderMode=cv2.BORDER_REPLICATE)
        face = face[:, ::-1] if rng.random() < 0.4 else face
        gain = rng.uniform(0.85, 1.15, 3).astype(np.float32)  # the light of the other clip will be another
        plain[number] = np.clip(face * gain, 0, 255)
        warped[number] = cv2.remap(plain[number], *_warp(side, rng), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return warped / np.float32(255), plain / np.float32(255)


def _shrunk(pictures: ImageU8) -> ImageU8:
    return np.stack(
        [cv2.resize(picture, (FORGED_PX,) * 2, interpolation=cv2.INTER_AREA) for picture in pictures]
    ).astype(np.uint8)


def _warp(side: int, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """Where each pixel comes from: a 5x5 grid of points shifted by about 2.5 % of the side, smoothly in between."""
    shifts = rng.normal(0, 0.025 * side, (5, 5, 2)).astype(np.float32)
    field = np.asarray(cv2.resize(shifts, (side, side), interpolation=cv2.INTER_CUBIC), dtype=np.float32)
    axis = np.arange(side, dtype=np.float32)
    return field[..., 0] + axis[None, :], field[..., 1] + axis[:, None]
