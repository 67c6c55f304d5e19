"""The forms in which a report leaves DFD: the full JSON report, and the answer of the first version's ``/predict``.

Both are plain JSON-ready dictionaries in a fixed order with floats rounded to `DECIMALS` places, so that equal reports
are equal bytes. The full form is described by ``docs/report.schema.json``.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import rfc8785

from dfd.report import Coverage, Explanation, Method, ModelIdentity, Provenance, RegionEvidence, Report
from dfd.types import BoundingBox, FaceScore, TrackScore, VideoInfo

REPORT_SCHEMA_VERSION = "1.4"
"""Raised in the first place when a field changes its meaning or goes away, in the second when one is added."""

_LARGEST_EXACT = 2**53 - 1

DECIMALS = 6
"""Places kept of every float: finer than any probability means, coarser than the last bits of float32."""


def report_to_dict(report: Report) -> dict[str, Any]:
    """The whole report, ready for `json.dumps`.

    ``reasons`` and ``tracks`` are always lists, ``fake_probability`` is null when nothing was scored, boxes are
    ``[x1, y1, x2, y2]`` in pixels of the upright source and ``frame_rate_hz`` is a number or null. Apart from
    ``timings_ms`` and ``created_at`` the same file, model and settings give the same dictionary. Only where an
    explanation was asked for, there are ``explanation`` and, by track, ``regions``: null for a track not explained.
    """
    explanation = report.explanation
    told = {} if explanation is None else {"explanation": {"unavailable": explanation.unavailable}}
    return {
        "schema_version": report.schema_version,
        "verdict": report.verdict.value,
        "reasons": [reason.value for reason in report.reasons],
        "fake_probability": _rounded(report.fake_probability),
        "threshold": _rounded(report.threshold),
        "operating_point": report.operating_point,
        "tracks": [{**track, **_regions(track["track_id"], explanation)} for track in _tracks(report.tracks)],
        "face_scores": [_face_score(score) for score in report.face_scores],
        "coverage": _coverage(report.coverage),
        "video": _video(report.video),
        "model": _model(report.model),
        "method": _method(report.method),
        "input_sha256": report.input_sha256,
        "media": report.media.to_dict(),
        "content_credentials": report.credentials.to_dict(),
        **told,
        "provenance": _provenance(report.provenance),
        "created_at": _moment(report.created_at_s),
        "timings_ms": {stage: round(report.timings_ms[stage], 3) for stage in sorted(report.timings_ms)},
    }


def frame_samples(report: Report) -> list[dict[str, float]]:
    """The course of the video: for each scored frame its time and its most suspicious face.

    Returns:
        ``{"t": seconds, "score": probability of fake}`` by ascending time, one entry for each frame with a score.
    """
    worst: dict[int, FaceScore] = {}
    for score in report.face_scores:
        known = worst.get(score.frame_index)
        if known is None or score.fake_probability > known.fake_probability:
            worst[score.frame_index] = score
    return [
        {"t": _decimals(score.pts_s), "score": _decimals(score.fake_probability)}
        for score in sorted(worst.values(), key=lambda score: (score.pts_s, score.frame_index))
    ]


def classic_response(report: Report, latency_ms: float) -> dict[str, Any]:
    """The answer of ``POST /predict``: the first version's fields, then what has been added since.

    Of the first version: ``score`` (null when nothing was scored), ``label`` (``fake``, ``real`` or
    ``inconclusive``), ``frame_samples``, ``version`` (of the model), ``latency_ms`` and ``meta`` with ``src_fps`` (null
    for a still image), ``total_frames`` (null when unknown), ``used_step``, ``face_frames`` and
    ``face_detect_rate``. Added: ``reasons``, ``threshold``, ``operating_point``, ``tracks``, ``model`` and
    ``input_sha256``, as in `report_to_dict`.

    Args:
        report: the analysis.
        latency_ms: wall time of the request as the server saw it.
    """
    return {
        "score": _rounded(report.fake_probability),
        "label": report.verdict.value,
        "frame_samples": frame_samples(report),
        "version": report.model.version,
        "latency_ms": round(latency_ms, 3),
        "meta": {
            "src_fps": _frame_rate_hz(report.video),
            "total_frames": total_frames(report.video),
            "used_step": used_step(report),
            "face_frames": report.coverage.face_frames,
            "face_detect_rate": _decimals(report.coverage.face_detect_rate),
        },
        "reasons": [reason.value for reason in report.reasons],
        "threshold": _rounded(report.threshold),
        "operating_point": report.operating_point,
        "tracks": _tracks(report.tracks),
        "model": _model(report.model),
        "input_sha256": report.input_sha256,
    }


def total_frames(video: VideoInfo) -> int | None:
    """Frames of the source: as the container tells, else reckoned from duration and rate, else None."""
    if video.frame_count is not None:
        return video.frame_count
    if video.frame_rate_hz is None:
        return None
    return max(1, round(video.duration_s * video.frame_rate_hz))


def used_step(report: Report) -> int:
    """Frames of the source from one sample to the next, at least 1 (an average where the frame rate varies)."""
    rate_hz = report.video.frame_rate_hz
    return max(1, round(report.coverage.sampling_step_s * float(rate_hz))) if rate_hz is not None else 1


def _tracks(tracks: Iterable[TrackScore]) -> list[dict[str, Any]]:
    return [
        {
            "track_id": track.track_id,
            "start_s": _decimals(track.start_s),
            "end_s": _decimals(track.end_s),
            "face_count": track.face_count,
            "fake_probability": _decimals(track.fake_probability),
            "median_face_side_px": _decimals(track.median_face_side_px),
        }
        for track in tracks
    ]


def _regions(track_id: int, explanation: Explanation | None) -> dict[str, Any]:
    """The field of a track; nothing where no explanation was asked for."""
    if explanation is None:
        return {}
    found = explanation.regions.get(track_id)
    return {"regions": None if found is None else regions_to_list(found)}


def regions_to_list(found: Iterable[RegionEvidence]) -> list[dict[str, Any]]:
    """Evidence by region, JSON-ready."""
    return [
        {
            "region": one.region,
            "evidence_logit": _decimals(one.evidence_logit),
            "area_share": _decimals(one.area_share),
        }
        for one in found
    ]


def _face_score(score: FaceScore) -> dict[str, Any]:
    return {
        "track_id": score.track_id,
        "frame_index": score.frame_index,
        "pts_s": _decimals(score.pts_s),
        "box_px": _box(score.box),
        "fake_probability": _decimals(score.fake_probability),
        "fake_logit": _rounded(score.fake_logit),
        "quality": {
            "face_side_px": _decimals(score.quality.face_side_px),
            "brightness": _decimals(score.quality.brightness),
            "sharpness": _decimals(score.quality.sharpness),
            "flatness": _decimals(score.quality.flatness),
        },
    }


def _coverage(coverage: Coverage) -> dict[str, Any]:
    return {
        "sampled_frames": coverage.sampled_frames,
        "face_frames": coverage.face_frames,
        "face_detect_rate": _decimals(coverage.face_detect_rate),
        "scored_faces": coverage.scored_faces,
        "sampling_step_s": _decimals(coverage.sampling_step_s),
        "decode_complete": coverage.decode_complete,
    }


def _video(video: VideoInfo) -> dict[str, Any]:
    return {
        "width_px": video.width_px,
        "height_px": video.height_px,
        "rotation_deg": video.rotation_deg,
        "frame_rate_hz": _frame_rate_hz(video),
        "frame_count": _exact(video.frame_count),
        "duration_s": _decimals(video.duration_s),
        "codec": video.codec,
        "container": video.container,
    }


def _model(model: ModelIdentity) -> dict[str, Any]:
    return {
        "name": model.name,
        "version": model.version,
        "weights_sha256": model.weights_sha256,
        "backends": list(model.backends),
    }


def _method(method: Method) -> dict[str, Any]:
    like_it = method.like_it
    counted = None
    if like_it is not None:
        rounded = {name: _decimals(value) for name, value in asdict(like_it.bin).items() if isinstance(value, float)}
        counted = {**asdict(like_it.bin), **rounded, "tested_on": like_it.tested_on}
    return {
        "architecture": method.architecture,
        "input_size_px": method.input_size_px,
        "frames": method.frames,
        "calibration": method.calibration,
        "inconclusive_margin": _decimals(method.inconclusive_margin),
        "training_data": method.training_data,
        "reliability": counted,
    }


def _provenance(provenance: Provenance) -> dict[str, Any]:
    settings = dict(provenance.settings)
    return {
        "dfd_version": provenance.dfd_version,
        "settings": settings,
        "settings_sha256": hashlib.sha256(rfc8785.dumps(settings)).hexdigest(),
        "sampled_pts_s": [_decimals(pts_s) for pts_s in provenance.sampled_pts_s],
    }


def _moment(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _frame_rate_hz(video: VideoInfo) -> float | None:
    return None if video.frame_rate_hz is None else _decimals(float(video.frame_rate_hz))


def _box(box: BoundingBox) -> list[float]:
    return [_decimals(edge) for edge in (box.x1_px, box.y1_px, box.x2_px, box.y2_px)]


def _exact(count: int | None) -> int | None:
    """A count that a file claims, unless it is beyond what every reader of JSON can hold (RFC 8785 refuses such)."""
    return count if count is not None and abs(count) <= _LARGEST_EXACT else None


def _rounded(value: float | None) -> float | None:
    return None if value is None else _decimals(value)


def _decimals(value: float) -> float:
    return round(float(value), DECIMALS) + 0.0  # + 0.0 turns -0.0 into 0.0
