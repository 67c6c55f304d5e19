"""Look at a video as the pipeline does."""

from pathlib import Path

from dfd.sampling import sampling_times
from dfd.types import Frame, ImageU8, VideoInfo
from dfd.video.pyav import PyAvOpener


def look(path: Path, fps: float = 2.0, working_side_px: int = 1280) -> tuple[VideoInfo, list[Frame], bool]:
    """What a file is, its frames at a rate, and whether it was read to its end."""
    with PyAvOpener(working_side_px=working_side_px).open(path) as video:
        frames = list(video.sample(sampling_times(video.info.duration_s, fps, 256)))
        return video.info, frames, video.complete


def mean_colour(image: ImageU8) -> tuple[int, int, int]:
    """Mean red, green and blue, rounded."""
    red, green, blue = image.reshape(-1, 3).mean(axis=0).round().astype(int)
    return int(red), int(green), int(blue)
