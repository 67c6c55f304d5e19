"""Compare the face detectors: ``python benchmarks/face_detection.py [--data DIR] [--json]``.

The data folder (``--data`` or ``DFD_DATA_DIR``) holds ``clips/faces.csv`` (clips cut around one face, whose size
``face_px`` they state) and ``clips/manifest.csv`` (whole clips that show at least one face). The middle frame of each
clip is shown to every detector in turn.

Faces are not drawn by hand, so this is what is counted:

- *recall* on the cut clips: share of frames in which a detection overlaps (IoU of at least 0.25) the square of
  ``face_px`` in the middle of the frame, around which the clip was cut; the face moves about it, so a finer overlap
  means nothing. On the whole clips: share of frames with a detection at all.
- *extra*: detections for each frame beside the one that was counted. In the whole clips some are other people.
- *milliseconds*: median over whole-clip frames fitted into the size named; detectors take turns frame by frame with the
  same number of threads, and the ratio is the median of ratios within a frame. Processor time of all threads is told
  beside wall time: on a busy machine it is the steadier of the two.

Haar is shown twice: as the adapter uses it, for faces from 6 % of the frame's shorter side, and searching for faces of
any size down to its window of 24 px, which is what OpenCV does when it is not told a least size.
"""

import argparse
import csv
import json
import os
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from dfd.faces.blazeface import BlazeFaceDetector
from dfd.faces.centerface import CenterFaceDetector
from dfd.faces.haar import HaarDetector
from dfd.ports import FaceDetector
from dfd.processors import available_cpus
from dfd.types import BoundingBox, ImageU8

MIN_IOU = 0.25
TIMED_SIZES = ((640, 360), (1280, 720), (1920, 1080))
TIMED_FRAMES = 40

Results = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Example:
    """A frame that shows a face.

    Attributes:
        image: the frame.
        face: where the face is, in cut clips; None in whole clips.
    """

    image: ImageU8
    face: BoundingBox | None


def middle_frame(path: Path) -> ImageU8:
    """The frame halfway through a clip."""
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    return np.asarray(frames[len(frames) // 2].to_ndarray(format="rgb24"), dtype=np.uint8)


def cut_clips(folder: Path, step: int) -> Iterator[Example]:
    """Middle frames of ``faces.csv``."""
    with (folder / "faces.csv").open(newline="", encoding="utf-8") as table:
        for row in list(csv.DictReader(table))[::step]:
            image = middle_frame(folder / row["path"])
            x, y, half = image.shape[1] / 2, image.shape[0] / 2, float(row["face_px"]) / 2
            yield Example(image, BoundingBox(x - half, y - half, x + half, y + half))


def whole_clips(folder: Path, step: int) -> Iterator[Example]:
    """Middle frames of ``manifest.csv``."""
    with (folder / "manifest.csv").open(newline="", encoding="utf-8") as table:
        for row in list(csv.DictReader(table))[::step]:
            yield Example(middle_frame(folder / row["path"]), None)


def count(detector: FaceDetector, examples: Sequence[Example]) -> Results:
    """Recall and extra detections."""
    found = extra = 0
    for example in examples:
        faces = detector.detect(example.image)
        hits = [face for face in faces if example.face is None or face.box.iou(example.face) >= MIN_IOU]
        found += bool(hits)
        extra += len(faces) - bool(hits)
    return {
        "frames": len(examples),
        "found": found,
        "recall": round(found / len(examples), 4),
        "extra_per_frame": round(extra / len(examples), 4),
    }


def fitted(image: ImageU8, size: tuple[int, int]) -> ImageU8:
    """The image as large as fits, in the middle of a grey frame of `size` (width, height)."""
    factor = min(size[0] / image.shape[1], size[1] / image.shape[0])
    interpolation = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    scaled = cv2.resize(image, None, fx=factor, fy=factor, interpolation=interpolation)[: size[1], : size[0]]
    frame = np.full((size[1], size[0], 3), 110, np.uint8)
    top, left = (size[1] - scaled.shape[0]) // 2, (size[0] - scaled.shape[1]) // 2
    frame[top : top + scaled.shape[0], left : left + scaled.shape[1]] = scaled
    return frame


def milliseconds(detector: FaceDetector, image: ImageU8) -> tuple[float, float]:
    """Wall time and processor time of one detection."""
    started, busy = time.perf_counter(), time.process_time()
    detector.detect(image)
    return (time.perf_counter() - started) * 1000, (time.process_time() - busy) * 1000


def timings(detectors: dict[str, FaceDetector], images: Sequence[ImageU8]) -> Results:
    """Median times of each detector, and the medians over frames of their ratios to BlazeFace's."""
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in detectors}
    for detector in detectors.values():
        detector.detect(images[0])  # load what is loaded lazily
    for image in images:
        for name, detector in detectors.items():
            taken[name].append(milliseconds(detector, image))
    return {
        name: {
            clock: {
                "median_ms": round(statistics.median(value[index] for value in values), 2),
                "ratio_to_blazeface": round(
                    statistics.median(
                        value[index] / base[index] for value, base in zip(values, taken["blazeface"], strict=True)
                    ),
                    1,
                ),
            }
            for index, clock in enumerate(("wall", "cpu"))
        }
        for name, values in taken.items()
    }


def measure(clips: Path, threads: int, step: int) -> Results:
    """Everything the table shows."""
    detectors: dict[str, FaceDetector] = {
        "blazeface": BlazeFaceDetector(threads=threads),
        "centerface": CenterFaceDetector(threads=threads),
        "haar": HaarDetector(),
        "haar, any size": HaarDetector(min_side=1e-3),
    }
    cut, whole = list(cut_clips(clips, step)), list(whole_clips(clips, step))
    results: Results = {"threads": threads, "cut clips": {}, "whole clips": {}, "time": {}}
    for name, detector in detectors.items():
        results["cut clips"][name] = count(detector, cut)
        results["whole clips"][name] = count(detector, whole)
    for size in TIMED_SIZES:
        images = [fitted(example.image, size) for example in whole[:TIMED_FRAMES]]
        results["time"][f"{size[0]}x{size[1]}"] = timings(detectors, images)
    return results


def as_table(results: Results) -> str:
    """Markdown."""
    names = list(results["cut clips"])
    lines = [f"Threads: {results['threads']}", "", f"| | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
    for kind in ("cut clips", "whole clips"):
        counts = [results[kind][name] for name in names]
        recalls = " | ".join(f"{one['recall']:.1%} ({one['found']} of {one['frames']})" for one in counts)
        extras = " | ".join(f"{one['extra_per_frame']:.3f}" for one in counts)
        lines += [f"| recall, {kind} | {recalls} |", f"| extra a frame, {kind} | {extras} |"]
    for size, taken in results["time"].items():
        for clock in ("wall", "cpu"):
            cells = [
                f"{taken[name][clock]['median_ms']} ({taken[name][clock]['ratio_to_blazeface']} x)" for name in names
            ]
            lines.append(f"| {clock} ms a frame, {size} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Read the command line, measure and print."""
    parser = argparse.ArgumentParser(description="Compare the face detectors on real clips.")
    parser.add_argument("--data", type=Path, default=os.environ.get("DFD_DATA_DIR"), help="folder that holds clips/")
    parser.add_argument("--threads", type=int, default=available_cpus())
    parser.add_argument("--step", type=int, default=1, help="take every n-th clip only")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args()
    if options.data is None:
        parser.error("name the data folder with --data or DFD_DATA_DIR")
    clips = Path(options.data) / "clips"
    if not clips.is_dir():
        parser.error(f"there is no folder {clips}")
    cv2.setNumThreads(options.threads)
    results = measure(clips, options.threads, options.step)
    print(json.dumps(results, indent=2) if options.json else as_table(results))


if __name__ == "__main__":
    main()
