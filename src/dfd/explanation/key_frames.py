"""The frames of a video that counted most in its report, as pictures: the frame, the face, and the evidence in it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np

from dfd.errors import ExplanationUnavailable, FaceNotFound, UnreadableVideo
from dfd.explanation import drawing
from dfd.explanation.explaining import Explainer
from dfd.explanation.faces import FacePlace, FoundFace, places_of
from dfd.ports import VideoSource
from dfd.types import ImageU8

MOST_MOMENTS: Final = 5
"""Frames that are shown; a map of each takes the model some 300 scores."""

_OF_THE_LEADING_FACE: Final = 3
_APART_STEPS: Final = 2.0  # frames of one face nearer than this look alike
_FRAME_HEIGHT_PX: Final = 300
_WIDEST_FRAME: Final = 2.4
_BOX_RGB: Final = (255, 214, 0)


@dataclass(frozen=True, slots=True)
class Jpeg:
    """A JPEG file and the size of its picture."""

    content: bytes
    width_px: int
    height_px: int

    @classmethod
    def of(cls, picture: ImageU8) -> "Jpeg":
        """Of ``(H, W, 3)`` RGB."""
        return cls(drawing.jpeg(picture, 85), picture.shape[1], picture.shape[0])


@dataclass(frozen=True, slots=True)
class Moment:
    """One face in one frame.

    Attributes:
        place: which.
        frame: the whole frame, with a box around the face.
        face: the crop that the model was shown.
        evidence: the heat map over that crop; None where maps are not shown.
    """

    place: FacePlace
    frame: Jpeg
    face: Jpeg
    evidence: Jpeg | None


@dataclass(frozen=True, slots=True)
class Moments:
    """What was found.

    Attributes:
        shown: the leading face first, then by how suspicious.
        no_maps: why there are no heat maps; None where there are.
        missing: frames that were not found again.
    """

    shown: tuple[Moment, ...]
    no_maps: str | None = None
    missing: int = 0


def places_that_counted(report: Mapping[str, Any], most: int = MOST_MOMENTS) -> list[FacePlace]:
    """The faces of a report (``docs/report.schema.json``) to show, at most so many.

    The most suspicious frames of the leading face, apart from each other and none below the face's own probability,
    then the most suspicious one of each other face, by the order of the faces.
    """
    places, step_s = places_of(report), report["coverage"]["sampling_step_s"]
    chosen: list[FacePlace] = []
    for rank, track in enumerate(report["tracks"]):
        mine = sorted(
            (place for place in places if place.track_id == track["track_id"]),
            key=lambda place: (-place.fake_probability, place.pts_s),
        )
        raising = [place for place in mine if place.fake_probability >= track["fake_probability"]] or mine[:1]
        chosen += _apart(raising, _APART_STEPS * step_s, _OF_THE_LEADING_FACE if rank == 0 else 1)
        if len(chosen) >= most:
            break
    return chosen[:most]


def moments_of(
    source: VideoSource, explainer: Explainer, places: Sequence[FacePlace], tick: Callable[[], None]
) -> Moments:
    """Pictures of faces of a report.

    Args:
        source: the video, opened.
        explainer: of the model that made the report.
        places: of `places_that_counted`.
        tick: called after each; what it raises ends the work.

    Raises:
        BackendUnavailable: the model does not answer.
    """
    no_maps: str | None = None
    try:
        explainer.check_maps()
    except ExplanationUnavailable as error:
        no_maps = str(error)
    shown: list[Moment] = []
    for place in places:
        try:
            shown.append(_moment(explainer, explainer.found(source, place), with_map=no_maps is None))
        except (FaceNotFound, UnreadableVideo):
            continue
        finally:
            tick()
    return Moments(tuple(shown), no_maps, len(places) - len(shown))


def _apart(places: Sequence[FacePlace], apart_s: float, most: int) -> list[FacePlace]:
    """The first of some faces that are at least so far from each other in time."""
    chosen: list[FacePlace] = []
    for place in places:
        if len(chosen) < most and all(abs(place.pts_s - other.pts_s) >= apart_s for other in chosen):
            chosen.append(place)
    return chosen


def _moment(explainer: Explainer, found: FoundFace, *, with_map: bool) -> Moment:
    face = drawing.resized(np.ascontiguousarray(found.crop[..., :3]), _FRAME_HEIGHT_PX)
    heat = explainer.heat(found) if with_map else None
    return Moment(
        place=found.place,
        frame=Jpeg.of(_framed(found)),
        face=Jpeg.of(face),
        evidence=None if heat is None else Jpeg.of(drawing.overlay(face, heat)),
    )


def _framed(found: FoundFace) -> ImageU8:
    """The frame at the height of the crops, with a box around the face."""
    height, width = found.image.shape[:2]
    scale = min(_FRAME_HEIGHT_PX / height, _WIDEST_FRAME * _FRAME_HEIGHT_PX / width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = cv2.resize(found.image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    box = found.detection.box.scaled(scale)
    corner, opposite = (round(box.x1_px), round(box.y1_px)), (round(box.x2_px), round(box.y2_px))
    cv2.rectangle(small, corner, opposite, (0, 0, 0), 4, cv2.LINE_AA)
    cv2.rectangle(small, corner, opposite, _BOX_RGB, 2, cv2.LINE_AA)
    return np.asarray(small, np.uint8)
