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
        # x264's macroblock tree reads memory it never wrote, and then the same frames give other bytes
        options = {"crf": str(crf), "preset": "veryfast", "x264-params": "mbtree=0"}
        stream = out.add_stream("libx264", rate=Fraction(25), options=options)
        stream.width, stream.height, stream.pix_fmt = inner[0], inner[1], "yuv420p"
        stream.codec_context.thread_count = 1  # what x264 writes depends on its number of threads
        for image in frames:
            out.mux(stream.encode(av.VideoFrame.from_ndarray(_resized(image, inner, cv2.INTER_AREA), "rgb24")))
        out.mux(stream.encode())
    buffer.seek(0)
    with av.open(buffer, "r") as back:
        decoded = [np.asarray(frame.to_ndarray(format="rgb24"), dtype=np.uint8) for frame in back.decode(video=0)]
    return [_resized(image, (width, height), cv2.INTER_LINEAR) for image in decoded]


def worn(frames: Sequence[ImageU8], rng: np.random.Generator) -> list[ImageU8]:
    """A clip as it reaches a viewer: one camera and one light for all frames, then H.264 at CRF 18 to 40.

    Args:
        frames: at least one, all ``(S, S, 3) uint8`` RGB of one size, in order of time.
        rng: the source of all randomness; the same state wears a clip and its forgery alike.
    """
    state, shrink = rng.integers(2**63), float(rng.choice([1.0, 1.0, 0.75, 0.5]))
    crf = int(rng.integers(18, 41 if shrink == 1 else 34))  # small and starved at once, no face is left
    captured = [_through(image, np.random.default_rng(state), rng) for image in frames]
    return reencode(captured, crf, shrink)


def degrade_clip(frames: Sequence[ImageU8], rng: np.random.Generator) -> list[ImageU8]:
    """`degrade` for frames of one clip: the same camera and light, other noise.

    Args:
        frames: all ``(S, S, 3) uint8`` RGB of one size.
        rng: the source of all randomness.
    """
    state = rng.integers(2**63)
    return [_through(image, np.random.default_rng(state), rng) for image in frames]


def degrade(image: ImageU8, rng: np.random.Generator) -> ImageU8:
    """One random mix of light, resolution, blur, colour, noise and JPEG on a single picture.

    Args:
        image: ``(S, S, 3) uint8`` RGB; blurs are in proportion to S.
        rng: the source of all randomness.
    """
    return _through(image, rng, rng)


def _through(image: ImageU8, choices: np.random.Generator, noise: np.random.Generator) -> ImageU8:
    """One of three ways that pictures come by: any camera, a phone in poor light, or a site that shrinks and squeezes.

    Args:
        image: ``(S, S, 3) uint8`` RGB.
        choices: what is alike for all frames of a clip is drawn from it, in an order that the picture has no part in.
        noise: what differs from frame to frame.
    """
    way = choices.random()
    if way < 0.1:
        return _compressed(low_light(image, choices, noise), int(choices.integers(50, 95)))
    if way < 0.25:
        return social(image, choices)
    return _everyday(image, choices, noise)


def low_light(image: ImageU8, choices: np.random.Generator, noise: np.random.Generator) -> ImageU8:
    """A phone in the dark: little light, amplified with its noise, the noise smeared away and the shadows crushed.

    Shot noise grows with the root of the light and read noise does not depend on it (Foi et al., "Practical
    Poissonian-Gaussian Noise Modeling", IEEE TIP 2008); half of it is blotches of colour, which denoisers leave.
    """
    exposure, gain, gamma = choices.uniform(0.15, 0.6), choices.uniform(0.5, 1.0), choices.uniform(1.0, 1.5)
    shot, read, smear = choices.uniform(0.005, 0.03), choices.uniform(0.001, 0.005), choices.uniform(0.0, 1.0)
    side = image.shape[0]
    light = (image.astype(np.float32) / np.float32(255)) ** np.float32(2.2) * np.float32(exposure)
    blotch = np.asarray(cv2.resize(noise.standard_normal((side // 4, side // 4, 3)), (side, side)), dtype=np.float32)
    grain = noise.standard_normal((side, side, 1)).astype(np.float32) + np.float32(0.5) * blotch
    light += grain * np.sqrt(shot**2 * light + np.float32(read**2))
    bright = np.clip(light * np.float32(gain / exposure), 0, 1) ** np.float32(gamma / 2.2)
    picture = _rounded(bright * np.float32(255))
    if smear > 0.5:
        picture = np.asarray(cv2.bilateralFilter(picture, 5, 40 * smear, 2), dtype=np.uint8)
    return picture


def social(image: ImageU8, choices: np.random.Generator) -> ImageU8:
    """Through one or two sites: scaled down, squeezed hard, scaled up, sharpened, squeezed again off the first grid."""
    side = image.shape[0]
    factor, back = choices.uniform(0.35, 0.85), int(choices.choice([cv2.INTER_LINEAR, cv2.INTER_CUBIC]))
    first, second = int(choices.integers(25, 75)), int(choices.integers(50, 92))
    amount, shift = choices.uniform(0, 0.7), choices.integers(1, 8, 2)
    small = _compressed(_resized(image, (round(side * factor),) * 2, cv2.INTER_AREA), first)
    picture = _resized(small, (side, side), back)
    soft = cv2.GaussianBlur(picture, (0, 0), max(0.5, side / 160))
    picture = np.asarray(cv2.addWeighted(picture, 1 + amount, soft, -amount, 0), dtype=np.uint8)
    top, left = (int(pixels) for pixels in shift)
    padded = cv2.copyMakeBorder(picture, top, 0, left, 0, cv2.BORDER_REPLICATE)
    return np.ascontiguousarray(_compressed(np.asarray(padded, dtype=np.uint8), second)[top:, left:])


def _everyday(image: ImageU8, choices: np.random.Generator, noise: np.random.Generator) -> ImageU8:
    """Some of: less resolution, blur, other light and colour, noise, JPEG; up to what robustness is judged by.

    The far ends are about level 3 of the perturbations of DeeperForensics-1.0 (Jiang et al., CVPR 2020): pixels of 4,
    a fifth of the saturation, 0.6 of the contrast, noise of a standard deviation of 14 levels.
    """
    side = image.shape[0]
    shrinks, factor = choices.random() < 0.35, np.exp(choices.uniform(np.log(0.25), np.log(0.95)))
    back = int(choices.choice([cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_AREA, cv2.INTER_NEAREST]))
    blurs, sigma = choices.random() < 0.1, choices.uniform(0.6, 2.8) * side / 224
    picture = image
    if shrinks:
        picture = _resized(_resized(picture, (round(side * factor),) * 2, cv2.INTER_AREA), (side, side), back)
    if blurs:
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), max(0.4, sigma)), dtype=np.uint8)
    values = _recoloured(picture.astype(np.float32), choices)
    grainy, strength = choices.random() < 0.3, np.float32(np.exp(choices.uniform(0, np.log(16))))
    if grainy:
        values += noise.standard_normal(values.shape, np.float32) * strength
    squeezes, quality = choices.random() < 0.5, int(choices.integers(35, 98))
    return _compressed(_rounded(values), quality) if squeezes else _rounded(values)


def _recoloured(values: FloatArray, choices: np.random.Generator) -> FloatArray:
    """Other contrast and brightness, white balance, saturation, gamma, each in some cases; float32, not clipped."""
    contrasts, contrast, lift = choices.random() < 0.5, choices.uniform(0.55, 1.25), choices.uniform(-25, 25)
    tints, tint = choices.random() < 0.4, choices.uniform(-15, 15, 3)
    saturates, saturation = choices.random() < 0.3, np.float32(choices.uniform(0.0, 1.4))
    darkens, gamma = choices.random() < 0.08, np.float32(choices.uniform(1.3, 2.0))
    if contrasts:
        values = (values - np.float32(127.5)) * np.float32(contrast) + np.float32(127.5 + lift)
    if tints:
        values += tint.astype(np.float32)
    if saturates:
        grey = values.mean(axis=2, keepdims=True)
        values = grey + (values - grey) * saturation
    if darkens:
        values = np.float32(255) * (np.clip(values, 0, 255) / np.float32(255)) ** gamma
    return values


def _compressed(image: ImageU8, quality: int) -> ImageU8:
    """Through JPEG."""
    _, data = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.ascontiguousarray(np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), dtype=np.uint8)[..., ::-1])


def _rounded(values: FloatArray) -> ImageU8:
    return np.asarray(np.clip(np.rint(values), 0, 255), dtype=np.uint8)


def _resized(image: ImageU8, size: tuple[int, int], interpolation: int) -> ImageU8:
    """Scaled to (width, height)."""
    return np.asarray(cv2.resize(image, size, interpolation=interpolation), dtype=np.uint8)
