"""Small whole files of every kind that is taken, made on the spot, to be spoilt."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from tests.synthetic_video import paint_number, write_picture, write_video

SIZE = (96, 64)

_FAST = {"preset": "ultrafast"}
_QUICK_VPX = {"deadline": "realtime", "cpu-used": "8", "g": "6"}
_FRAGMENTED = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}


def _video(path: Path, codec: str = "libx264", **more: object) -> None:
    options = more.pop("options", _FAST if codec in {"libx264", "libx265"} else None)
    frames = more.pop("frames", 12)
    write_video(path, codec=codec, size=SIZE, options=options, frames=frames, **more)  # type: ignore[arg-type]


def _picture(path: Path, codec: str, pixel_format: str) -> None:
    write_picture(path, paint_number(3, SIZE), codec, pixel_format)


MAKERS: dict[str, Callable[[Path], None]] = {
    "h264.mp4": _video,
    "sound_cover.mp4": partial(_video, audio=True, cover=True),
    "turned.mp4": partial(_video, rotation_deg=90),
    "fragmented.mp4": partial(_video, container_options=_FRAGMENTED),
    "ten_bits.mp4": partial(_video, pixel_format="yuv420p10le"),
    "hevc.mp4": partial(_video, codec="libx265", options={**_FAST, "x265-params": "log-level=none"}),
    "h264.mkv": _video,
    "vp9.webm": partial(_video, codec="libvpx-vp9", options=_QUICK_VPX),
    "vp8.webm": partial(_video, codec="libvpx", options=_QUICK_VPX),
    "av1.mkv": partial(_video, codec="libsvtav1", options={"preset": "13"}),
    "ffv1.mkv": partial(_video, codec="ffv1", frames=4),
    "h264.ts": _video,
    "mpeg2.ts": partial(_video, codec="mpeg2video", fps=25),
    "mpeg4.avi": partial(_video, codec="mpeg4"),
    "mjpeg.mov": partial(_video, codec="mjpeg", frames=5),
    "prores.mov": partial(_video, codec="prores_ks", frames=3),
    "h264.flv": _video,
    "moving.gif": partial(_video, codec="gif", fps=10),
    "moving.apng": partial(_video, codec="apng", fps=10, frames=5, container_format="apng"),
    "still.png": partial(_picture, codec="png", pixel_format="rgb24"),
    "still.jpg": partial(_picture, codec="mjpeg", pixel_format="yuvj420p"),
    "still.webp": partial(_picture, codec="libwebp", pixel_format="yuv420p"),
    "still.bmp": partial(_picture, codec="bmp", pixel_format="bgr24"),
    "still.tiff": partial(_picture, codec="tiff", pixel_format="rgb24"),
}


def make_seeds(folder: Path) -> dict[str, bytes]:
    """The files, by name."""
    made = {}
    for name, make in MAKERS.items():
        path = folder / name
        make(path)
        made[name] = path.read_bytes()
    return made
