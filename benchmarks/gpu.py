"""Detection and scoring on a graphics card, from frames that are decoded already (``make bench-gpu``).

Sampled frames of the benchmark's clip and those after them, at 2 a second, are decoded to RGB before the clock starts.
Then several callers find, follow, cut and score the faces of all of them again and again, as an analysis does. A frame
stands for half a second of video. How busy the card is comes from ``nvidia-smi``, asked four times a second.

``--device cpu`` does the same on the processor, to see that it works; the goals are those of a graphics card.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, Final

from benchmarks.clip import FULL_HD
from benchmarks.goals import goals_table, judged
from benchmarks.running import beside, clip_in
from benchmarks.spread import spread

from dfd.bootstrap import build_detector, build_model
from dfd.cropping import crop_face
from dfd.device import Device
from dfd.manifest import ModelManifest
from dfd.onnx_sessions import missing_for_cuda
from dfd.ports import FaceDetector, ModelBackend
from dfd.preprocessing import to_model_input
from dfd.sampling import sampling_times
from dfd.settings import load_settings
from dfd.tracking import FaceTracker
from dfd.types import Frame
from dfd.video.pyav import PyAvOpener

CALLERS: Final = 8
_FPS: Final = 2.0
_ROUNDS: Final = 10
_BATCH: Final = 32
_ASK_S: Final = 0.25


def decoded(clip: Path) -> list[Frame]:
    """The sampled frames of a clip and those after them, as RGB in memory."""
    with PyAvOpener(threads=2).open(clip) as source:
        times_s = sampling_times(source.info.duration_s, _FPS, 100_000)
        return [
            Frame(frame.index, frame.pts_s, frame.image, frame.scale, frame.next_picture and frame.next_picture.image)
            for frame in source.sample(times_s, with_next=True)
        ]


def score_all(frames: Sequence[Frame], detector: FaceDetector, backend: ModelBackend, manifest: ModelManifest) -> int:
    """Do with the frames what an analysis does up to the scores; how many faces were scored."""
    tracker = FaceTracker()
    crops = [
        crop_face(frame.picture, face.detection, manifest.input, frame.next_picture)
        for frame in frames
        for face in tracker.update(frame, detector.detect(frame.image))
    ]
    for first in range(0, len(crops), _BATCH):
        backend.predict(to_model_input(crops[first : first + _BATCH], manifest.input))
    return len(crops)


@contextmanager
def busy_percent(found: list[float]) -> Iterator[None]:
    """Add what ``nvidia-smi`` says of how busy the first card is, as often as it is asked while the block lasts."""
    command = ["nvidia-smi", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits", "--id=0"]

    def ask(over: threading.Event) -> None:
        while not over.wait(_ASK_S):
            found.append(float(subprocess.run(command, check=True, capture_output=True, text=True).stdout))

    with beside(ask):
        yield


def measure(folder: Path, repeat: int, callers: int, device: Device = Device.CUDA) -> dict[str, Any]:
    """Video seconds a second, and on a card how busy it is.

    Args:
        folder: where the clip is kept.
        repeat: turns.
        callers: threads that score at the same time.
        device: where the networks are computed.

    Raises:
        ConfigurationError: it cannot be used here.
    """
    settings = load_settings(device=device)
    detector = build_detector(settings.face_detector, settings.cpu_threads, device)
    backend, manifest = build_model(settings)
    frames = decoded(clip_in(folder, "full_hd", FULL_HD))
    score_all(frames, detector, backend, manifest)  # the first call of a session is slow
    speeds: list[float] = []
    busy: list[float] = []
    for _ in range(repeat):
        started_s = time.perf_counter()
        with busy_percent(busy) if device is Device.CUDA else nullcontext():
            speeds.append(_round(frames, detector, backend, manifest, callers) / (time.perf_counter() - started_s))
    results: dict[str, Any] = {"device": device.value, "callers": callers, "video_s_per_s": spread(speeds)}
    if device is Device.CUDA:
        results |= {"gpu_video_s_per_s": results["video_s_per_s"], "gpu_busy_percent": spread(busy)}
    return results | {"goals": judged(results)}


def _round(
    frames: Sequence[Frame], detector: FaceDetector, backend: ModelBackend, manifest: ModelManifest, callers: int
) -> float:
    """Seconds of video that were gone through."""
    with ThreadPoolExecutor(callers) as pool:
        calls = [pool.submit(score_all, frames, detector, backend, manifest) for _ in range(_ROUNDS)]
        if any(call.result() == 0 for call in calls):
            raise RuntimeError("no face was found, so there was nothing to measure")
    return _ROUNDS * len(frames) / _FPS


def table(results: dict[str, Any]) -> str:
    """The figures for people."""
    speed = results["video_s_per_s"]
    told = f"{speed['median']:.0f} video seconds a second ({speed['min']:.0f} to {speed['max']:.0f})"
    return f"detection and scoring on {results['device']}, {results['callers']} callers: {told}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=3, help="turns (default 3)")
    parser.add_argument("--callers", type=int, default=CALLERS, help=f"at the same time (default {CALLERS})")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--clips", type=Path, help="folder that keeps the clip for the next time")
    parser.add_argument("--json", action="store_true", help="print JSON in place of the table")
    options = parser.parse_args(arguments)
    device = Device(options.device)
    if device is Device.CUDA and (missing := missing_for_cuda()):
        sys.exit(f"not measured: {missing}")
    with tempfile.TemporaryDirectory(prefix="dfd-bench-") as temporary:
        folder = options.clips or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        results = measure(folder, options.repeat, options.callers, device)
    print(json.dumps(results, indent=2) if options.json else f"{table(results)}\n\n{goals_table(results)}")


if __name__ == "__main__":
    main()
