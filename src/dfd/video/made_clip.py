"""A short film to measure on, for those who have none at hand."""

from pathlib import Path
from typing import Final

import av
import numpy as np

_SIZE_PX: Final = (1280, 720)
_FRAME_RATE_HZ: Final = 30
_SECONDS: Final = 6
_NOISE: Final = 6.0
"""Levels of 255: as a sensor's, it keeps the decoder as busy as a camera's film does."""


def make_clip(path: Path) -> None:
    """Write six seconds of 720p H.264, a pattern that moves under noise; without any face."""
    width, height = _SIZE_PX
    rng = np.random.default_rng(0)
    rows, columns = np.indices((height, width), dtype=np.float32)
    noise = (rng.standard_normal((height + 64, width + 64, 1), dtype=np.float32) * _NOISE).repeat(3, axis=2)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=_FRAME_RATE_HZ, options={"preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for index in range(_FRAME_RATE_HZ * _SECONDS):
            waves = 127 + 60 * np.sin((columns + 3 * index) / 40) + 50 * np.cos((rows - 2 * index) / 25)
            y, x = rng.integers(0, 64, 2)
            picture = waves[..., None] + noise[y : y + height, x : x + width]
            image = np.clip(picture, 0, 255).astype(np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
