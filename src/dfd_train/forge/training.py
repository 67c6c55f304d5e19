"""Training the forge's networks: three autoencoders, and deepfakes by the method of 2017.

A deepfake is one encoder that all people share and one decoder for each. Few frames of a person are at hand, so a
decoder for everybody is trained first, together with the encoder, and each person's starts from it.
"""

import functools
import hashlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
from tqdm import tqdm

from dfd.types import FloatArray, ImageU8
from dfd_train.forge.fitting import fit
from dfd_train.forge.networks import (
    UPSAMPLERS,
    build_autoencoder,
    build_face_decoder,
    build_face_encoder,
    chained,
)
from dfd_train.forge.pictures import ForgeClip, patches, warped_faces
from dfd_train.forge.settings import ForgeSettings

_BATCH = 24
_PATCH_PX = 64
_EVERYBODY = "faces_of_all"
_FACE_STREAM, _PERSON_STREAM = 10, 11  # of random numbers; the autoencoders have those before


def train_networks(folder: Path, clips: Sequence[ForgeClip], settings: ForgeSettings, *, progress: bool) -> None:
    """Train all networks that are not in the folder yet.

    Args:
        folder: of the ``.keras`` files.
        clips: real ones, at least one.
        settings: all numbers.
        progress: whether to show bars.
    """
    train_autoencoders(folder, clips, settings, progress=progress)
    faces = np.concatenate([clip.aligned(settings.size_px) for clip in clips])
    shared = fit(
        folder / f"{_EVERYBODY}.keras",
        functools.partial(_new_face_autoencoder, settings),
        functools.partial(_face_batch, faces, (settings.seed, _FACE_STREAM)),
        settings.steps,
        progress=progress,
    )
    for person in tqdm(chosen_people(clips, settings), "people", unit="person", disable=not progress):
        own = np.concatenate([clip.aligned(settings.size_px) for clip in clips if clip.person == person])
        fit(
            person_path(folder, person),
            functools.partial(_for_one_person, shared),
            functools.partial(_face_batch, own, (settings.seed, _PERSON_STREAM)),
            max(1, settings.steps // 4),
            progress=False,
        )


def train_autoencoders(folder: Path, clips: Sequence[ForgeClip], settings: ForgeSettings, *, progress: bool) -> None:
    """Train the networks that draw any picture anew, one for each way to up-sample; arguments as `train_networks`."""
    for stream, upsampler in enumerate(UPSAMPLERS):
        fit(
            folder / f"{upsampler}.keras",
            functools.partial(_new_autoencoder, upsampler, settings.seed),
            functools.partial(_patch_batch, clips, (settings.seed, stream)),
            settings.steps,
            progress=progress,
        )


def chosen_people(clips: Sequence[ForgeClip], settings: ForgeSettings) -> list[str]:
    """Those who get a decoder, most frames first."""
    frames = Counter[str]()
    for clip in clips:
        frames[clip.person] += len(clip.images)
    ranked = sorted(frames, key=lambda person: (-frames[person], person))
    return [person for person in ranked if frames[person] >= settings.min_frames][: settings.people]


def person_path(folder: Path, person: str) -> Path:
    """File of a person's network; people's names may hold anything, so it is named by a hash."""
    return folder / f"face_{hashlib.sha256(person.encode()).hexdigest()[:12]}.keras"


def _new_autoencoder(upsampler: str, seed: int) -> keras.Model:
    keras.utils.set_random_seed(seed)
    return build_autoencoder(upsampler)


def _new_face_autoencoder(settings: ForgeSettings) -> keras.Model:
    keras.utils.set_random_seed(settings.seed)
    return chained(build_face_encoder(settings.size_px), build_face_decoder(settings.size_px))


def _for_one_person(shared: keras.Model) -> keras.Model:
    """A copy whose encoder stays as it is, so that every person's decoder reads the same codes."""
    copy = keras.models.clone_model(shared)
    copy.set_weights(shared.get_weights())
    copy.get_layer("encoder").trainable = False
    return copy


def _patch_batch(clips: Sequence[ForgeClip], stream: tuple[int, int], step: int) -> tuple[FloatArray, FloatArray]:
    batch = patches(clips, _PATCH_PX, _BATCH, np.random.default_rng([*stream, step]))
    return batch, batch


def _face_batch(faces: ImageU8, stream: tuple[int, int], step: int) -> tuple[FloatArray, FloatArray]:
    return warped_faces(faces, _BATCH, np.random.default_rng([*stream, step]))
