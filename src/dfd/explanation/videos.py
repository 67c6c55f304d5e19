"""Pictures of the faces of an analysed video, and of the evidence in them, from its file and its report."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from dfd.errors import ExplanationUnavailable, FaceNotFound
from dfd.explanation.explaining import Explainer
from dfd.explanation.faces import FacePlace, place_at, places_of
from dfd.explanation.key_frames import Moments, moments_of, places_that_counted
from dfd.ports import VideoOpener
from dfd.report import RegionEvidence

SMALLEST_SIDE_PX: Final = 32
LARGEST_SIDE_PX: Final = 1024


class Form(StrEnum):
    """What a picture of a map shows."""

    SHEET = "sheet"
    """Face, map over the face, and legend, beside each other."""
    OVERLAY = "overlay"
    """The map over the face."""
    LAYER = "layer"
    """The map alone, with opacity, to be laid over the face."""
    FRAME = "frame"
    """The same where the face is in its frame, to be laid over the whole frame."""


class ExplainedVideos:
    """Opens videos to explain what a model answered for them. Safe to use from several threads.

    Reports are given in their JSON form (``docs/report.schema.json``), as jobs keep them.
    """

    def __init__(self, opener: VideoOpener, explainer: Explainer) -> None:
        """Open with `opener`, explain with `explainer`."""
        self._opener = opener
        self._explainer = explainer

    def place(self, report: Mapping[str, Any], track_id: int | None, time_s: float | None) -> FacePlace:
        """The sampled face that is meant; see `dfd.explanation.faces.place_at`.

        Raises:
            FaceNotFound: there is no such track, or no face of it near that time.
        """
        return place_at(places_of(report), track_id, time_s, report["coverage"]["sampling_step_s"])

    def heat_map_png(
        self, path: Path, report: Mapping[str, Any], place: FacePlace, form: Form = Form.SHEET, side_px: int = 320
    ) -> bytes:
        """The map of one face as a PNG file.

        Args:
            path: the video.
            report: of the video.
            place: the face, of `place`.
            form: what it shows.
            side_px: side of the face, of `Form.FRAME` longer side of the frame, from `SMALLEST_SIDE_PX` to
                `LARGEST_SIDE_PX`.

        Raises:
            ExplanationUnavailable: no map is shown for this model, or another model made the report.
            FaceNotFound: the face is not found again.
            InputError: the file cannot be read.
            BackendUnavailable: the model does not answer.
        """
        self.check_maps(report)
        with self._opener.open(path) as source:
            face = self._explainer.explained(source, place)
        draw = {
            Form.SHEET: face.sheet_png,
            Form.OVERLAY: face.overlay_png,
            Form.LAYER: face.layer_png,
            Form.FRAME: face.frame_layer_png,
        }
        return draw[form](side_px)

    def check_maps(self, report: Mapping[str, Any]) -> None:
        """Refuse before the work; raises `ExplanationUnavailable` as `heat_map_png` does."""
        self._check_model(report)
        self._explainer.check_maps()

    def face_jpeg(self, path: Path, place: FacePlace, side_px: int = 160) -> bytes:
        """The face with some of what is around it as a JPEG file; raises as `heat_map_png` does, but shows no map."""
        with self._opener.open(path) as source:
            return self._explainer.thumbnail_jpeg(source, place, side_px)

    def moments(self, path: Path, report: Mapping[str, Any], tick: Callable[[], None] = lambda: None) -> Moments:
        """Pictures of the frames that counted most; see `dfd.explanation.key_frames`.

        Args:
            path: the video.
            report: of the video.
            tick: called after each frame; what it raises ends the work.

        Raises:
            ExplanationUnavailable: another model made the report.
            InputError: the file cannot be read.
            BackendUnavailable: the model does not answer.
        """
        self._check_model(report)
        places = places_that_counted(report)
        if not places:
            return Moments(())
        with self._opener.open(path) as source:
            return moments_of(source, self._explainer, places, tick)

    def track_regions(self, path: Path, report: Mapping[str, Any], track_id: int) -> tuple[RegionEvidence, ...]:
        """Evidence by region of one track; raises as `heat_map_png` does."""
        self._check_model(report)
        self._explainer.check_regions()
        places = [place for place in places_of(report) if place.track_id == track_id]
        if not places:
            raise FaceNotFound(f"there is no face track {track_id}")
        with self._opener.open(path) as source:
            return self._explainer.track_regions(source, places)

    def _check_model(self, report: Mapping[str, Any]) -> None:
        if report["model"]["weights_sha256"] != self._explainer.weights_sha256:
            raise ExplanationUnavailable(
                f"version {report['model']['version']} of the model made the report, and another answers now; analyse "
                "the video again"
            )
