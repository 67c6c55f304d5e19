"""The three ways that are compared, each meant for a fresh process: ``python -m benchmarks.contenders NAME CLIP``.

Prints one JSON object: wall seconds from the open file to the last score (models are loaded before), peak memory of the
process in MB, and what was done, so that nobody wins by doing less.
"""

import argparse
import itertools
import json
import math
import os
import sys
import time
from collections.abc import Callable, Sequence
from importlib.resources import as_file, files
from pathlib import Path
from typing import NamedTuple

import av
import cv2
import numpy as np
from benchmarks.running import processor_time_of_all_s

from dfd.backends.onnx_runtime import OnnxRuntimeBackend
from dfd.bootstrap import analysis_options, build_analyzer, build_opener
from dfd.cropping import crop_face
from dfd.preprocessing import to_model_input
from dfd.registry.directory import DirectoryRegistry
from dfd.settings import load_settings
from dfd.types import BoundingBox, FaceDetection
from dfd.video.sandboxed import SandboxedOpener


class Outcome(NamedTuple):
    """What a contender did: wall seconds, processor seconds of all its processes, and how much."""

    seconds: float
    cpu_s: float
    decoded_frames: int | None
    sampled_frames: int
    scored_faces: int


class _Clock:
    """Runs from when it is made."""

    def __init__(self) -> None:
        self._cpu_s, self._started_s = processor_time_of_all_s(os.getpid()), time.perf_counter()

    def taken_s(self) -> tuple[float, float]:
        """Wall and processor seconds since then."""
        seconds = time.perf_counter() - self._started_s
        return seconds, processor_time_of_all_s(os.getpid()) - self._cpu_s


def whole_analysis(clip: Path, threads: int) -> Outcome:
    """DFD as it is: sampled decode, faces, tracks, model, verdict."""
    settings = load_settings(threads=threads)
    opener = build_opener(settings)
    analyzer = build_analyzer(settings, opener=opener)
    options = analysis_options(settings)
    if isinstance(opener, SandboxedOpener):
        opener.examine()  # what decodes is loaded then, as models are: a cold start is measured by itself
    clock = _Clock()
    report = analyzer.analyze(clip, options)
    return Outcome(*clock.taken_s(), None, report.coverage.sampled_frames, report.coverage.scored_faces)


def warm_analysis(clip: Path, threads: int) -> Outcome:
    """The same in a process that has analysed before, as a service has."""
    whole_analysis(clip, threads)
    return whole_analysis(clip, threads)


def full_decode(clip: Path, threads: int, until_s: float = math.inf) -> Outcome:
    """Every frame that is shown before a time decoded by FFmpeg and thrown away: no conversion, no face, no model."""
    clock = _Clock()
    with av.open(str(clip)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = threads
        stream.thread_type = "AUTO"
        shown = itertools.takewhile(lambda frame: (frame.time or 0.0) < until_s, container.decode(stream))
        frames = sum(1 for _ in shown)
    return Outcome(*clock.taken_s(), frames, 0, 0)


def naive_pipeline(clip: Path, threads: int) -> Outcome:
    """What most code does: OpenCV reads every frame, Haar looks at full size, one model call for each face."""
    os.environ["OPENCV_FFMPEG_CAPTURE_OPTIONS"] = f"threads;{threads}"
    cv2.setNumThreads(threads)
    settings = load_settings(threads=threads)
    model = DirectoryRegistry(settings.models_dir).load(settings.model_name, settings.model_version)
    backend = OnnxRuntimeBackend(model.weights_path, model.manifest, threads)
    with as_file(files("cv2") / "data" / "haarcascade_frontalface_default.xml") as path:
        cascade = cv2.CascadeClassifier(str(path))
    contract = model.manifest.input
    clock = _Clock()
    capture = cv2.VideoCapture(str(clip))
    step = max(1, round(capture.get(cv2.CAP_PROP_FPS) / settings.default_fps))
    decoded, logits = 0, []
    while True:
        found, frame = capture.read()
        if not found:
            break
        if decoded % step == 0:
            grey = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
            boxes = cascade.detectMultiScale(grey, scaleFactor=1.1, minNeighbors=5)
            image = np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), dtype=np.uint8)
            for x, y, width, height in np.asarray(boxes).reshape(-1, 4).tolist():
                face = FaceDetection(BoundingBox(x, y, x + width, y + height), score=1.0)
                logits.append(backend.predict(to_model_input([crop_face(image, face, contract)], contract)))
        decoded += 1
    capture.release()
    return Outcome(*clock.taken_s(), decoded, -(-decoded // step), len(logits))


CONTENDERS: dict[str, Callable[[Path, int], Outcome]] = {
    "analysis": whole_analysis,
    "warm": warm_analysis,
    "decode": full_decode,
    "naive": naive_pipeline,
}


def peak_memory_mb() -> float:
    """Largest resident size of this process since it began, in MB (10^6 bytes).

    Not ``ru_maxrss``: Linux carries that over from the parent when a process is started by fork and exec.
    """
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise OSError("this kernel does not tell the peak memory of a process")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one contender once."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=sorted(CONTENDERS))
    parser.add_argument("clip", type=Path)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--until-s", type=float, default=math.inf, help="how much of the clip the decode reads")
    options = parser.parse_args(arguments)
    if options.name == "decode":
        outcome = full_decode(options.clip, options.threads, options.until_s)
    else:
        outcome = CONTENDERS[options.name](options.clip, options.threads)
    json.dump({**outcome._asdict(), "peak_mb": peak_memory_mb()}, sys.stdout)


if __name__ == "__main__":
    main()
