"""What stands in the report of a case, from the JSON report (``docs/report.schema.json``).

Reports of earlier schemas are taken too; what they lack is said to be unrecorded.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from dfd.blind_spots import blind_spots
from dfd.casefile.blocks import (
    Banner,
    Block,
    Bullets,
    Document,
    Facts,
    Heading,
    Paragraph,
    Pictures,
    Table,
)
from dfd.casefile.courses import clock, course, face_numbers, segments_of
from dfd.casefile.file_facts import file_section, history_section
from dfd.casefile.identity import identity_section
from dfd.casefile.words import VERDICT_TONES, VERDICTS, likelihood, number, of_many, plain, reason_sentence
from dfd.types import Verdict

Data = Mapping[str, Any]

MOST_COURSES: Final = 8
"""Faces whose course is drawn, the leading one first."""

MOST_ROWS: Final = 60
"""Rows of a table: a crowd, or an hour of flicker, must not make a book."""

_LONGEST_NAME: Final = 1000


@dataclass(frozen=True, slots=True)
class KeyFrames:
    """The pictures of a report.

    Attributes:
        moments: the frames that counted most, the most important first; empty where there are none to show.
        note: what they are, or why there are none; and likewise of heat maps.
    """

    moments: Sequence[Pictures]
    note: str


def document_of(report: Data, labels: Sequence[tuple[str, str]], key_frames: KeyFrames) -> Document:
    """The whole document.

    Args:
        report: the JSON report, signed or not.
        labels: by what the file, or the case, is called: names and values, the file's own first.
        key_frames: its pictures.
    """
    shown = [(name, _shown(value)) for name, value in labels]
    verdict = Verdict(report["verdict"])
    version = report.get("provenance", {}).get("dfd_version", "of an unnamed version")
    made_at = report.get("created_at", "")
    return Document(
        title="Deepfake analysis report",
        blocks=[
            Banner(verdict.value, VERDICT_TONES[verdict], VERDICTS[verdict]),
            Facts([*shown, ("analysed", _moment(made_at)), ("SHA-256 of the file", report["input_sha256"])]),
            *_answer(report),
            *file_section(report),
            *history_section(report),
            *_faces(report),
            *_key_frames(key_frames),
            *_regions(report),
            *_method(report),
            *identity_section(report),
        ],
        running=f"DFD {version}, file {report['input_sha256'][:16]}, {_moment(made_at)}",
        made_at=made_at,
        producer=f"DFD {version}",
    )


def _answer(report: Data) -> Iterator[Block]:
    yield Heading("What the analysis found")
    point = report["operating_point"]
    threshold = report["threshold"]
    yield Paragraph(
        "Calibrated probability that the leading face (the most suspicious of those that can be judged, if any can) is "
        f"fake: {number(report['fake_probability'])}. A video is called fake from {threshold:.3f}"
        + (f" (operating point {plain(point)})" if point else "")
        + _undecided(report)
    )
    counted = _method_of(report).get("reliability")
    if counted is not None:
        yield Paragraph(likelihood(counted))
        if len(report["tracks"]) > 1:
            yield Paragraph(of_many(len(report["tracks"])))
    elif report["fake_probability"] is not None:
        yield Paragraph(
            "How often videos with such a probability were fake in our tests is not recorded in this report."
        )
    if report["reasons"]:
        yield Paragraph("Why it is inconclusive, or what weakens it:")
        yield Bullets([(f"{plain(reason).capitalize()}.", reason_sentence(reason)) for reason in report["reasons"]])
    yield Paragraph(
        "No verdict of DFD is proof. It is a measurement with a known rate of error, on faces alone, for a person to "
        "weigh together with everything else that is known of the video.",
        is_note=True,
    )


def _undecided(report: Data) -> str:
    margin = _method_of(report).get("inconclusive_margin")
    if not margin:
        return "."
    low, high = max(0.0, report["threshold"] - margin), min(1.0, report["threshold"] + margin)
    return f"; nothing is decided between {low:.3f} and {high:.3f} (wider where the frames of a face disagree)."


def _faces(report: Data) -> Iterator[Block]:
    yield Heading("Faces and their course")
    tracks, number_of = report["tracks"], face_numbers(report)
    if not tracks:
        yield Paragraph("No face was followed.")
        return
    rows = [
        [
            str(number_of[track["track_id"]]),
            clock(track["start_s"]),
            clock(track["end_s"]),
            str(track["face_count"]),
            number(track["fake_probability"]),
            f"{track['median_face_side_px']:.0f} px",
            str(track["track_id"]),
        ]
        for track in tracks
    ]
    head = ("face", "from", "to", "samples", "probability of fake", "typical side", "track_id")
    yield Table(head, rows[:MOST_ROWS], (1, 1.3, 1.3, 1.2, 2, 1.5, 1.2), frozenset(range(1, 7)))
    yield from _left_out(rows, "faces")
    yield Paragraph(
        "The first face leads: the most suspicious of those that can be judged, where there are any. Faces that cannot "
        "(too few samples, too small, dark or blurred, or unlike those of training) stand behind, whatever they score. "
        "track_id is what the JSON report calls a face. Each dot is one sampled frame: its height is the probability "
        "that this face is fake; the dashed line is the threshold, shaded is where every sample reaches it.",
        is_note=True,
    )
    for track in tracks[:MOST_COURSES]:
        yield Heading(f"Face {number_of[track['track_id']]}", 3)
        yield course(report, track["track_id"])
    if len(tracks) > MOST_COURSES:
        yield Paragraph(f"The courses of {len(tracks) - MOST_COURSES} faces further down are not drawn.", is_note=True)
    yield from _segments(report)


def _segments(report: Data) -> Iterator[Block]:
    yield Heading("Suspicious stretches", 3)
    number_of = face_numbers(report)
    rows = [
        [str(number_of[one.track_id]), clock(one.start_s), clock(one.end_s), str(one.samples), number(one.highest)]
        for one in segments_of(report)
    ]
    if not rows:
        yield Paragraph("No sample of any face reaches the threshold.")
        return
    head = ("face", "from", "to", "samples", "highest probability")
    yield Table(head, rows[:MOST_ROWS], (1, 1.3, 1.3, 1.2, 2), frozenset(range(1, 5)))
    yield from _left_out(rows, "stretches")


def _left_out(rows: Sequence[object], what: str) -> Iterator[Block]:
    if len(rows) > MOST_ROWS:
        yield Paragraph(f"{len(rows) - MOST_ROWS} more {what} are in the JSON report.", is_note=True)


def _key_frames(key_frames: KeyFrames) -> Iterator[Block]:
    yield Heading("Key frames")
    yield Paragraph(key_frames.note)
    yield from key_frames.moments


def _regions(report: Data) -> Iterator[Block]:
    """Evidence by region, where the analysis was asked for it."""
    explained = [track for track in report["tracks"] if track.get("regions")]
    if not explained:
        return
    yield Heading("Evidence by region of the face")
    names = [one["region"] for one in explained[0]["regions"]]
    number_of = face_numbers(report)
    rows = [
        [str(number_of[track["track_id"]]), *(f"{one['evidence_logit']:+.2f}" for one in track["regions"])]
        for track in explained
    ]
    yield Table(("face", *names), rows, (1,) * (len(names) + 1), frozenset(range(1, len(names) + 1)))
    yield Paragraph(
        "What each part of the face adds to the model's answer, in logits before calibration: above 0 speaks for "
        "fake, below for real. It tells what moved the model, not what was forged.",
        is_note=True,
    )


def _method(report: Data) -> Iterator[Block]:
    method, coverage = _method_of(report), report["coverage"]
    yield Heading("Method and limits")
    yield Paragraph(
        "Frames are sampled evenly over the video. Every face in them is found, followed, cut out and scored by a "
        "neural network; its answers are calibrated on videos that it had not seen, averaged for each face, and the "
        "most suspicious face that can be judged decides. Where the evidence is too thin, the answer is inconclusive."
    )
    step = f"{coverage['sampling_step_s']:.2f} s"
    yield Facts(
        [
            ("frames looked at", f"{coverage['sampled_frames']}, one every {step}"),
            ("of these with a face", f"{coverage['face_frames']} ({coverage['face_detect_rate']:.0%})"),
            ("faces scored", str(coverage["scored_faces"])),
            ("decoded to the end", "yes" if coverage["decode_complete"] else "no: the file is damaged"),
            ("model", f"{report['model']['name']} version {report['model']['version']}"),
            ("architecture", str(method.get("architecture", "not recorded"))),
            ("calibration", str(method.get("calibration", "not recorded"))),
            ("trained on", str(method.get("training_data", "not recorded"))),
        ]
    )
    yield Heading("What the model cannot see", 3)
    if "input_size_px" in method:
        spots = blind_spots(method["input_size_px"], method["frames"])
        yield Bullets([(f"{spot.title}.", spot.text.replace("`", "")) for spot in spots])
    else:
        yield Paragraph(
            "This report is of an earlier version and does not say how the model looks; see its model card."
        )
    yield Paragraph(
        "The model card, MODEL_CARD.md beside the weights, gives every figure and its interval.", is_note=True
    )


def _method_of(report: Data) -> Data:
    found: Data = report.get("method", {})
    return found


def _shown(name: str) -> str:
    """A name that anybody chose: bounded, and fit for UTF-8 and one line."""
    shown = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in name[:_LONGEST_NAME])
    return shown + "\N{HORIZONTAL ELLIPSIS}" if len(name) > _LONGEST_NAME else shown


def _moment(made_at: str) -> str:
    """A time of the JSON report, for people."""
    return f"{made_at[:10]} {made_at[11:19]} UTC" if len(made_at) >= 19 else "at an unrecorded time"
