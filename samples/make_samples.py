"""Make the sample clips from two photographs in the public domain: ``python -m samples.make_samples``.

Each photograph is filmed by a simulated hand-held phone: slow pan and zoom, shake, drifting exposure and sensor noise,
H.264 at 30 frames a second with a keyframe each second. The fake clip is the untouched clip of one person with the
other person's face warped onto it, frame after frame, by the classical recipe: key points, affine warp, colour transfer
in Lab, feathered elliptical mask. Nothing is left to chance but the encoder, whose bytes may differ a little.
"""

import argparse
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from importlib.resources import as_file, files
from importlib.resources.abc import Traversable
from pathlib import Path

import av
import cv2
import numpy as np

from dfd.faces.blazeface import BlazeFaceDetector
from dfd.types import FaceDetection, FloatArray, ImageU8

FRAME_RATE_HZ = 30
SECONDS = 5.0
_FITTED_POINTS = slice(0, 4)  # both eyes, nose tip and mouth; ears are too coarse to warp by


@dataclass(frozen=True, slots=True)
class Take:
    """How one photograph is filmed.

    Attributes:
        size_px: width and height of the clip.
        look_at: centre of the picture as shares of the photograph's width and height.
        view: width of the picture at the start, as a share of the photograph's width.
        seed: of hand shake and sensor noise.
    """

    size_px: tuple[int, int]
    look_at: tuple[float, float]
    view: float
    seed: int


ASTRONAUT = Take(size_px=(1280, 720), look_at=(0.46, 0.255), view=0.84, seed=1)
HOPPER = Take(size_px=(720, 1280), look_at=(0.51, 0.48), view=0.54, seed=2)


def photograph(source: Traversable) -> ImageU8:
    """Read a photograph that ships with a package, ``(H, W, 3) uint8`` RGB."""
    with as_file(source) as path:
        image = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
    if image is None:
        raise FileNotFoundError(f"{source} is no picture")
    return np.asarray(image, dtype=np.uint8)


def astronaut() -> ImageU8:
    """Eileen Collins, NASA, public domain; ships with scikit-image."""
    return photograph(files("skimage") / "data" / "astronaut.png")


def hopper() -> ImageU8:
    """Grace Hopper, United States Navy, public domain; ships with matplotlib."""
    return photograph(files("matplotlib") / "mpl-data" / "sample_data" / "grace_hopper.jpg")


def film(photo: ImageU8, take: Take, frame_count: int) -> Iterator[ImageU8]:
    """Yield the frames that a hand-held phone would take of the photograph."""
    rng = np.random.default_rng(take.seed)
    phases = rng.uniform(0, 2 * math.pi, size=8).tolist()
    for index in range(frame_count):
        time_s = index / FRAME_RATE_HZ
        picture = cv2.warpAffine(
            photo,
            camera(photo, take, time_s, phases),
            take.size_px,
            flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REFLECT,
        )
        exposure = 1.0 + 0.04 * math.sin(0.9 * time_s + phases[6])
        yield _sensor(np.asarray(picture, dtype=np.uint8), exposure, rng)


def camera(photo: ImageU8, take: Take, time_s: float, phases: Sequence[float]) -> FloatArray:
    """Where the camera looks.

    Args:
        photo: what it looks at.
        take: how it is filmed.
        time_s: time since the start.
        phases: eight angles in radians, where each of the camera's movements starts.

    Returns:
        ``(2, 3) float32`` map from pixels of the clip to pixels of the photograph.
    """
    height, width = photo.shape[:2]
    zoom = 1.0 - 0.03 * time_s / SECONDS - 0.01 * math.sin(0.7 * time_s + phases[0])
    scale = take.view * width / take.size_px[0] * zoom
    angle = math.radians(0.5 * math.sin(1.1 * time_s + phases[1]) + 0.12 * math.sin(6.3 * time_s + phases[2]))
    shake = [
        0.008 * math.sin(1.3 * time_s + phases[3 + axis]) + 0.0012 * math.sin(8.1 * time_s + phases[4 + axis])
        for axis in (0, 1)
    ]
    centre = (
        width * (take.look_at[0] + shake[0] - 0.01 + 0.02 * time_s / SECONDS),
        height * (take.look_at[1] + shake[1]),
    )
    cosine, sine = scale * math.cos(angle), scale * math.sin(angle)
    half_x, half_y = (take.size_px[0] - 1) / 2, (take.size_px[1] - 1) / 2
    return np.array(
        [
            [cosine, -sine, centre[0] - cosine * half_x + sine * half_y],
            [sine, cosine, centre[1] - sine * half_x - cosine * half_y],
        ],
        dtype=np.float32,
    )


def _sensor(picture: ImageU8, exposure: float, rng: np.random.Generator) -> ImageU8:
    """Expose, and add shot noise (its variance grows with the light) and read noise."""
    light = picture.astype(np.float32) * np.float32(exposure)
    sigma = np.sqrt(np.float32(1.0) + light * np.float32(0.015))
    noise = rng.standard_normal(picture.shape, dtype=np.float32)
    return np.asarray(np.clip(light + sigma * noise + 0.5, 0, 255), dtype=np.uint8)


class FaceSwapper:
    """Lays one person's face over the largest face of each frame.

    Args:
        donor: photograph of the person whose face is taken; its largest face is used.
    """

    def __init__(self, donor: ImageU8) -> None:
        self._detector = BlazeFaceDetector()
        self._donor = donor
        self._donor_points = _key_points(self._largest(donor))
        self._mask = _face_mask(donor, self._donor_points)

    def __call__(self, frame: ImageU8) -> ImageU8:
        """Swap the face of one frame; its key points are found afresh, so the seam trembles as in real swaps."""
        points = _key_points(self._largest(frame))
        warp = _affine(self._donor_points[_FITTED_POINTS], points[_FITTED_POINTS])
        size = (frame.shape[1], frame.shape[0])
        face = cv2.warpAffine(self._donor, warp, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        mask = cv2.warpAffine(self._mask, warp, size, flags=cv2.INTER_LINEAR)[..., None]
        face = _match_colour(np.asarray(face, dtype=np.uint8), frame, mask[..., 0] > 0.5)
        return np.asarray(frame * (1 - mask) + face * mask + 0.5, dtype=np.uint8)

    def _largest(self, image: ImageU8) -> FaceDetection:
        faces = self._detector.detect(image)
        if not faces:
            raise ValueError("no face to swap in this picture")
        return max(faces, key=lambda face: face.box.area_px2)


def _key_points(face: FaceDetection) -> FloatArray:
    if face.landmarks_px is None:
        raise ValueError("swapping needs a detector with key points")
    return face.landmarks_px


def _affine(source: FloatArray, target: FloatArray) -> FloatArray:
    """Least-squares affine map, ``(2, 3) float32``, between two sets of ``(N, 2)`` points."""
    known = np.hstack([source, np.ones((len(source), 1), dtype=np.float32)])
    return np.asarray(np.linalg.lstsq(known, target, rcond=None)[0].T, dtype=np.float32)


def _face_mask(image: ImageU8, points: FloatArray) -> FloatArray:
    """Feathered ellipse from the brows to below the lips, ``(H, W) float32`` in [0, 1]."""
    eyes = points[:2].mean(axis=0)
    mouth = points[3]
    eye_distance = float(np.linalg.norm(points[1] - points[0]))
    down = mouth - eyes
    centre = eyes + 0.52 * down
    axes = (0.95 * eye_distance, 0.98 * float(np.linalg.norm(down)))
    angle = math.degrees(math.atan2(-down[0], down[1]))
    mask = np.zeros(image.shape[:2], dtype=np.float32)
    cv2.ellipse(mask, (centre.tolist(), (2 * axes[0], 2 * axes[1]), angle), 1.0, thickness=-1)
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), 0.12 * eye_distance), dtype=np.float32)


def _match_colour(face: ImageU8, frame: ImageU8, region: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> ImageU8:
    """Give `face` the mean and spread of the frame's colours within the region.

    Reinhard et al., "Color transfer between images", 2001, with CIE Lab in place of their colour space.
    """
    source = cv2.cvtColor(face, cv2.COLOR_RGB2LAB).astype(np.float32)
    target = cv2.cvtColor(frame, cv2.COLOR_RGB2LAB).astype(np.float32)
    gain = target[region].std(axis=0) / np.maximum(source[region].std(axis=0), 1e-3)
    matched = (source - source[region].mean(axis=0)) * np.clip(gain, 0.7, 1.4) + target[region].mean(axis=0)
    return np.asarray(cv2.cvtColor(np.clip(matched, 0, 255).astype(np.uint8), cv2.COLOR_LAB2RGB), dtype=np.uint8)


def encode(path: Path, frames: Iterable[ImageU8], size_px: tuple[int, int]) -> None:
    """Write H.264 as a phone does: 4:2:0, BT.709, limited range, one keyframe a second, MP4 ready to stream."""
    options = {"crf": "22", "preset": "medium", "threads": "1", "g": str(FRAME_RATE_HZ)}
    with av.open(str(path), "w", options={"movflags": "+faststart"}) as container:
        stream = container.add_stream("libx264", rate=FRAME_RATE_HZ, options=options)
        stream.width, stream.height = size_px
        stream.pix_fmt = "yuv420p"
        stream.time_base = Fraction(1, FRAME_RATE_HZ)
        for image in frames:
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            container.mux(stream.encode(frame.reformat(format="yuv420p", dst_colorspace="ITU709")))
        container.mux(stream.encode())


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the clips into a folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="folder to write to")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="length of each clip")
    parser.add_argument("--shrink", type=int, default=1, help="divide the clips' width and height by this")
    options = parser.parse_args(arguments)
    frame_count = max(1, round(options.seconds * FRAME_RATE_HZ))
    landscape, portrait = _shrunk(ASTRONAUT, options.shrink), _shrunk(HOPPER, options.shrink)
    collins, grace_hopper = astronaut(), hopper()
    swap = FaceSwapper(donor=collins)
    encode(options.out / "real_astronaut.mp4", film(collins, landscape, frame_count), landscape.size_px)
    encode(options.out / "real_hopper.mp4", film(grace_hopper, portrait, frame_count), portrait.size_px)
    encode(options.out / "fake_swap.mp4", map(swap, film(grace_hopper, portrait, frame_count)), portrait.size_px)


def _shrunk(take: Take, factor: int) -> Take:
    width, height = take.size_px
    return Take((width // factor // 2 * 2, height // factor // 2 * 2), take.look_at, take.view, take.seed)


if __name__ == "__main__":
    main()
