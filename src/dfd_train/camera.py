"""What cameras, apps and sites do to a video; applied to real and fake alike."""

import io
from collections.abc import Sequence
from fractions import Fraction

import av
import cv2
import numpy as np

from dfd.types import FloatArray, ImageU8


def reencode(frames: Sequence[ImageU8], crf: int, shrink: float) -> list[ImageU8]:
    """Send frames through a smaller H.264 video and back to their size.

    Args:
        frames: at least one, all ``(H, W, 3) uint8`` RGB of one size.
        crf: x264's constant rate factor, 0 to 51; larger is worse.
        shrink: factor on width and height before encoding, in (0, 1].

    Returns:
        as many frames of the same size.
    """
    height, width = frames[0].shape[:2]
    inner = (max(2, round(width * shrink / 2) * 2), max(2, round(height * shrink / 2) * 2))
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="matroska") as out:
        stream = out.add_stream("libx264", rate=Fraction(25), options={"crf": str(crf), "preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = inner[0], inner[1], "yuv420p"
        stream.codec_context.thread_count = 1  # what x264 writes depends on its number of threads
        for image in frames:
            out.mux(stream.encode(av.VideoFrame.from_ndarray(_resized(image, inner, cv2.INTER_AREA), "rgb24")))
        out.mux(stream.encode())
    buffer.seek(0)
    with av.open(buffer, "r") as back:
        decoded = [np.asarray(frame.to_ndarray(format="rgb24"), dtype=np.uint8) for frame in back.decode(video=0)]
    return [_resized(image, (width, height), cv2.INTER_LINEAR) for image in decoded]


def degrade(image: ImageU8, rng: np.random.Generator) -> ImageU8:
    """One random mix of resolution loss, blur, light, colour, noise and JPEG on a single picture.

    Args:
        image: ``(H, W, 3) uint8`` RGB.
        rng: the source of all randomness.
    """
    height, width = image.shape[:2]
    picture = image
    if rng.random() < 0.35:
        factor = rng.uniform(0.45, 0.95)
        small = (max(8, round(width * factor)), max(8, round(height * factor)))
        back = int(rng.choice([cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_AREA]))
        picture = _resized(_resized(picture, small, cv2.INTER_AREA), (width, height), back)
    if rng.random() < 0.1:
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.4, 1.3)), dtype=np.uint8)
    values: FloatArray = picture.astype(np.float32)
    if rng.random() < 0.5:
        values = (values - np.float32(127.5)) * rng.uniform(0.75, 1.25) + 127.5 + rng.uniform(-25, 25)
    if rng.random() < 0.4:
        values += rng.uniform(-15, 15, 3).astype(np.float32)
    if rng.random() < 0.3:
        grey = values.mean(axis=2, keepdims=True)
        values = grey + (values - grey) * rng.uniform(0.2, 1.4)
    if rng.random() < 0.08:
        gamma = rng.uniform(1.3, 2.0)
        values = np.asarray(255 * (np.clip(values, 0, 255) / 255) ** gamma, dtype=np.float32)
    if rng.random() < 0.3:
        values += rng.normal(0, rng.uniform(1, 6), values.shape).astype(np.float32)
    picture = np.clip(values, 0, 255).astype(np.uint8)
    if rng.random() < 0.5:
        quality = int(rng.integers(35, 98))
        _, data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
        picture = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), dtype=np.uint8)[..., ::-1]
    return np.ascontiguousarray(picture)


def _resized(image: ImageU8, size: tuple[int, int], interpolation: int) -> ImageU8:
    """Scaled to (width, height)."""
    return np.asarray(cv2.resize(image, size, interpolation=interpolation), dtype=np.uint8)
