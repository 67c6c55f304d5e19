"""What a model said of each video, and the file that keeps it: ``clips.jsonl``, one JSON object a line.

The first line holds the model and the settings, every other one the answer for one video under one condition. Lines are
only ever added, so a run that was cut short goes on where it stopped; a line that was cut short is dropped, and of two
for the same the later one counts.
"""

import json
import os
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, astuple, dataclass, replace
from pathlib import Path
from typing import Any, Self

from dfd.errors import ConfigurationError
from dfd.evaluation.conditions import Condition
from dfd.evaluation.samples import Key, Sample
from dfd.report import Report
from dfd.types import FaceQuality, Reason, Verdict

FILE_NAME = "clips.jsonl"
_DECIMALS = 6


@dataclass(frozen=True, slots=True)
class ClipResult:
    """What a model said of one video.

    Attributes:
        sample: which.
        probability: calibrated probability of fake; None when nothing was scored.
        frame_probabilities: of each scored frame, that of its most suspicious face.
        verdict: fake, real or inconclusive; None where the video could not be read or only scores were asked for.
        reasons: of the verdict.
        quality: medians over the leading track's faces; None without one.
        sampled_frames: frames looked at.
        face_frames: those with a face.
        error: stable code of the error that stands in the place of an answer; None without one.
        stamp: `file_stamp` of the file that was judged; empty where that is not known.
    """

    sample: Sample
    probability: float | None
    frame_probabilities: tuple[float, ...] = ()
    verdict: Verdict | None = None
    reasons: tuple[Reason, ...] = ()
    quality: FaceQuality | None = None
    sampled_frames: int = 0
    face_frames: int = 0
    error: str | None = None
    stamp: str = ""

    @classmethod
    def of(cls, sample: Sample, report: Report, stamp: str = "") -> Self:
        """Keep of a report what figures need, rounded as it is written; squares in place of faces are no score."""
        if Reason.NO_FACE_FALLBACK in report.reasons:
            report = replace(report, fake_probability=None, tracks=(), face_scores=())
        worst: dict[int, float] = {}
        for face in report.face_scores:
            worst[face.frame_index] = max(face.fake_probability, worst.get(face.frame_index, 0.0))
        return cls(
            sample=sample,
            probability=None if report.fake_probability is None else round(report.fake_probability, _DECIMALS),
            frame_probabilities=tuple(round(worst[index], _DECIMALS) for index in sorted(worst)),
            verdict=report.verdict,
            reasons=report.reasons,
            quality=_leading_quality(report),
            sampled_frames=report.coverage.sampled_frames,
            face_frames=report.coverage.face_frames,
            stamp=stamp,
        )

    def to_row(self, condition: Condition) -> dict[str, Any]:
        """The JSON form; `from_row` reads it back to an equal result."""
        quality = self.quality
        return {
            "dataset": self.sample.dataset,
            "label": self.sample.label,
            "path": self.sample.name,
            "stamp": self.stamp,
            "perturbation": condition.kind,
            "level": condition.level,
            "error": self.error,
            "fake_probability": self.probability,
            "verdict": self.verdict,
            "reasons": list(self.reasons),
            "sampled_frames": self.sampled_frames,
            "face_frames": self.face_frames,
            "quality": None if quality is None else asdict(quality),
            "frame_probabilities": list(self.frame_probabilities),
        }

    @classmethod
    def from_row(cls, row: Mapping[str, Any], sample: Sample) -> Self:
        """Read the JSON form.

        Raises:
            KeyError, TypeError, ValueError: it is not of this form.
        """
        return cls(
            sample=sample,
            probability=row["fake_probability"],
            frame_probabilities=tuple(row["frame_probabilities"]),
            verdict=None if row["verdict"] is None else Verdict(row["verdict"]),
            reasons=tuple(Reason(reason) for reason in row["reasons"]),
            quality=None if row["quality"] is None else FaceQuality(**row["quality"]),
            sampled_frames=row["sampled_frames"],
            face_frames=row["face_frames"],
            error=row["error"],
            stamp=row["stamp"],
        )


def _leading_quality(report: Report) -> FaceQuality | None:
    leading = report.tracks[0].track_id if report.tracks else None
    found = [face.quality for face in report.face_scores if face.track_id == leading]
    if not found:
        return None
    columns = zip(*(astuple(quality) for quality in found), strict=True)
    return FaceQuality(*(round(statistics.median(column), _DECIMALS) for column in columns))


class ResultFile:
    """The file of results, open for adding to it. A context manager."""

    def __init__(self, folder: Path, header: Mapping[str, Any], *, resume: bool) -> None:
        """Begin the file, or go on with it.

        Args:
            folder: where it lies; made if need be.
            header: model and settings, ready for JSON.
            resume: go on with what an earlier run left; without any, begin.

        Raises:
            ConfigurationError: the folder holds results and `resume` is off, or they come from another model or other
                settings, or cannot be read.
        """
        self._path = folder / FILE_NAME
        self._rows: dict[tuple[Key, Condition], Mapping[str, Any]] = {}
        known = json.loads(json.dumps(header))
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lines = _whole_lines(self._path)
            if lines and not resume:
                raise ConfigurationError(
                    f"{folder} holds results of an earlier run: add --resume to go on with it, or name another folder"
                )
            if lines:
                self._take_over(lines, known)
            self._file = self._path.open("a", encoding="utf-8")
        except OSError as error:
            raise ConfigurationError(f"cannot write to {folder}: {error.strerror}") from error
        if not lines:
            self._write(known)

    def find(self, sample: Sample, condition: Condition, stamp: str) -> ClipResult | None:
        """What is known of a video under a condition, unless another file of that name was judged.

        Args:
            sample: which.
            condition: under which.
            stamp: `file_stamp` of its file. Rows of before there were stamps are of nobody knows which file.

        Raises:
            ConfigurationError: what is known cannot be read.
        """
        row = self._rows.get((sample.key, condition))
        if row is None or row.get("stamp") != stamp:
            return None
        try:
            return ClipResult.from_row(row, sample)
        except (KeyError, TypeError, ValueError) as error:
            raise self._damaged(str(error)) from error

    def add(self, result: ClipResult, condition: Condition) -> None:
        """Add a result, and see that it reaches the disk."""
        self._write(result.to_row(condition))

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def _take_over(self, lines: Sequence[str], header: Mapping[str, Any]) -> None:
        try:
            found, *rows = (json.loads(line) for line in lines)
            self._rows = {
                ((row["dataset"], row["label"], row["path"]), Condition(row["perturbation"], row["level"])): row
                for row in rows
            }
        except (KeyError, TypeError, ValueError) as error:
            raise self._damaged(str(error)) from error
        if found != header:
            raise ConfigurationError(
                f"{self._path.parent} holds results of another model or other settings "
                f"({_first_difference(found, header)}): give the same again, or name another folder"
            )

    def _write(self, line: Mapping[str, Any]) -> None:
        self._file.write(json.dumps(line, allow_nan=False) + "\n")
        self._file.flush()

    def _damaged(self, why: str) -> ConfigurationError:
        return ConfigurationError(f"{self._path} is damaged ({why}): remove it, or name another folder")


def _whole_lines(path: Path) -> list[str]:
    """The lines of a file; what follows the last line break was cut short, and is cut off. Empty without a file."""
    if not path.exists():
        return []
    data = path.read_bytes()
    whole = data[: data.rfind(b"\n") + 1]
    if len(whole) < len(data):
        os.truncate(path, len(whole))
    return whole.decode("utf-8", "replace").splitlines()


def _first_difference(found: object, wanted: Mapping[str, Any]) -> str:
    before = found if isinstance(found, dict) else {}
    names = [name for name in {**before, **wanted} if before.get(name) != wanted.get(name)]
    return f"{names[0]} was {before.get(names[0])!r}, now it is {wanted.get(names[0])!r}"
