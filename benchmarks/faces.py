"""Compare the face detectors on real clips: ``python -m benchmarks.faces CLIPS_FOLDER``.

The folder holds ``manifest.csv`` with a column ``path``, one clip with at least one face a line. A few frames of each
clip are shown to every detector in turn, at the size at which the pipeline would show them. There are no hand-drawn
boxes, so recall is the share of frames in which a detector finds a face, and says nothing of false alarms.
"""

import argparse
import csv
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import av
import cv2
import numpy as np

from dfd.faces.blazeface import BlazeFaceDetector
from dfd.faces.haar import HaarDetector
from dfd.ports import FaceDetector
from dfd.settings import available_cpus
from dfd.types import ImageU8

WORKING_SIDE_PX = 1280
FRAMES_A_CLIP = 3


@dataclass(slots=True)
class Tally:
    """What one detector did: frames with a face, faces in all, and milliseconds of each frame."""

    frames_with_face: int = 0
    faces: int = 0
    milliseconds: list[float] = field(default_factory=list)

    def add(self, detector: FaceDetector, image: ImageU8) -> None:
        """Show one frame to the detector."""
        started = time.perf_counter()
        found = detector.detect(image)
        self.milliseconds.append((time.perf_counter() - started) * 1000)
        self.frames_with_face += bool(found)
        self.faces += len(found)


def frames_of(clip: Path, count: int) -> Iterator[ImageU8]:
    """Yield `count` frames, spread evenly over a short clip, scaled down to the working size."""
    with av.open(str(clip)) as container:
        frames = list(container.decode(video=0))
    for index in np.linspace(0, len(frames) - 1, count + 2)[1:-1].round().astype(int).tolist():
        image = np.asarray(frames[index].to_ndarray(format="rgb24"), dtype=np.uint8)
        factor = WORKING_SIDE_PX / max(image.shape[:2])
        if factor < 1:
            image = np.asarray(cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA), np.uint8)
        yield image


def compare(clips: Sequence[Path], detectors: dict[str, FaceDetector]) -> dict[str, Tally]:
    """Show the same frames to every detector, in turn."""
    tallies = {name: Tally() for name in detectors}
    for clip in clips:
        for image in frames_of(clip, FRAMES_A_CLIP):
            for name, detector in detectors.items():
                tallies[name].add(detector, image)
    return tallies


def table(tallies: dict[str, Tally]) -> str:
    """The tallies for people."""
    lines = ["| detector   | frames | with a face | faces | median ms | mean ms |", "|---|---:|---:|---:|---:|---:|"]
    lines += [
        f"| {name:10} | {len(tally.milliseconds):6} | {tally.frames_with_face:11} | {tally.faces:5} "
        f"| {statistics.median(tally.milliseconds):9.1f} | {statistics.fmean(tally.milliseconds):7.1f} |"
        for name, tally in tallies.items()
    ]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Compare and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="folder with manifest.csv and the clips it names")
    parser.add_argument("--threads", type=int, default=available_cpus(), help="threads of each detector")
    options = parser.parse_args(arguments)
    cv2.setNumThreads(options.threads)
    with (options.folder / "manifest.csv").open(encoding="utf-8", newline="") as file:
        clips = [options.folder / row["path"] for row in csv.DictReader(file)]
    detectors: dict[str, FaceDetector] = {
        "blazeface": BlazeFaceDetector(threads=options.threads),
        "haar": HaarDetector(),
    }
    print(table(compare(clips, detectors)))


if __name__ == "__main__":
    main()
