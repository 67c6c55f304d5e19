"""Finding a face of a report again: the same frame, the same detection and so the same crop."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

from dfd.cropping import crop_face, landmarks_in_crop
from dfd.errors import FaceNotFound
from dfd.manifest import InputContract
from dfd.ports import FaceDetector, VideoSource
from dfd.types import BoundingBox, FaceDetection, FaceScore, FloatArray, Frame, ImageU8

_SAME_FACE_IOU: Final = 0.5


@dataclass(frozen=True, slots=True)
class FacePlace:
    """Where a report saw a face.

    Attributes:
        track_id: the face track.
        pts_s: time of the frame.
        box: the face box in pixels of the upright source.
        fake_probability: what the face scored.
    """

    track_id: int
    pts_s: float
    box: BoundingBox
    fake_probability: float

    @classmethod
    def of(cls, score: FaceScore) -> Self:
        """Of a scored face."""
        return cls(score.track_id, score.pts_s, score.box, score.fake_probability)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Of an entry of ``face_scores`` of a report (``docs/report.schema.json``)."""
        return cls(data["track_id"], data["pts_s"], BoundingBox(*data["box_px"]), data["fake_probability"])


@dataclass(frozen=True, slots=True)
class FoundFace:
    """A face, cut again.

    Attributes:
        place: where.
        crop: ``(S, S, 3 * frames) uint8``, the crop that was scored.
        landmarks_px: ``(6, 2) float32`` in pixels of the crop; None from detectors that find none.
        image: ``(H, W, 3) uint8``, the frame.
        detection: in pixels of `image`.
    """

    place: FacePlace
    crop: ImageU8
    landmarks_px: FloatArray | None
    image: ImageU8
    detection: FaceDetection


def places_of(report: Mapping[str, Any]) -> list[FacePlace]:
    """All faces of a report (``docs/report.schema.json``), by time."""
    return [FacePlace.from_dict(score) for score in report["face_scores"]]


def place_at(places: Sequence[FacePlace], track_id: int | None, time_s: float | None, reach_s: float) -> FacePlace:
    """The face that is meant by a track and a time.

    Args:
        places: of one video.
        track_id: the face track; None for any.
        time_s: the time; None for the most suspicious face, and the earliest of equals.
        reach_s: how far from the time a sampled face may be, which is the sampling step of the report.

    Raises:
        FaceNotFound: there is no such track, or no face of it is near.
    """
    if not places:
        raise FaceNotFound("no face was found in the video")
    mine = [place for place in places if track_id in (None, place.track_id)]
    if not mine:
        known = ", ".join(str(number) for number in sorted({place.track_id for place in places}))
        raise FaceNotFound(f"there is no face track {track_id}; there are {known}")
    if time_s is None:
        return min(mine, key=lambda place: (-place.fake_probability, place.pts_s))
    nearest = min(mine, key=lambda place: (abs(place.pts_s - time_s), place.pts_s))
    if abs(nearest.pts_s - time_s) > reach_s:
        raise FaceNotFound(
            f"no sampled face is near {time_s:g} s; the nearest is at {nearest.pts_s:g} s, and samples are "
            f"{reach_s:g} s apart"
        )
    return nearest


def spread(places: Sequence[FacePlace], most: int) -> list[FacePlace]:
    """At most so many of the faces of a track, evenly over its course."""
    count = min(most, len(places))
    return [places[(2 * number + 1) * len(places) // (2 * count)] for number in range(count)]


def find_face(source: VideoSource, detector: FaceDetector, place: FacePlace, contract: InputContract) -> FoundFace:
    """Decode the frame of a face and cut it as it was cut when it was scored.

    Where nothing is found in the frame, the box is taken as it is: that is how a report without any face has squares
    (`dfd.pipeline.AnalysisOptions.no_face_fallback`).

    Raises:
        FaceNotFound: another face is there, or none: the video or the detector is not that of the report.
        UnreadableVideo: the frame cannot be decoded.
    """
    frame = next(iter(source.sample([place.pts_s], with_next=contract.frames == 2)))
    detection = _detection(frame, detector, place)
    return FoundFace(
        place=place,
        crop=crop_face(frame.picture, detection, contract, frame.next_picture),
        landmarks_px=landmarks_in_crop(detection, contract),
        image=frame.image,
        detection=detection,
    )


def _detection(frame: Frame, detector: FaceDetector, place: FacePlace) -> FaceDetection:
    box = place.box.scaled(frame.scale)
    found = detector.detect(frame.image)
    if not found:
        return FaceDetection(box, score=0.0)
    best = max(found, key=lambda detection: detection.box.iou(box))
    if best.box.iou(box) < _SAME_FACE_IOU:
        raise FaceNotFound(
            f"the face of track {place.track_id} is not found again at {place.pts_s:g} s: the report is of another "
            "face detector or another video"
        )
    return best
