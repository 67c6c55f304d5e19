"""Explaining the answers for the faces of a video: which places, and which regions, speak for *fake* or for *real*.

Everything runs on the port of backends, so on ONNX Runtime alone or on a model server. Nothing is explained that was
not measured to be faithful for the very weights that answer (`dfd.faithfulness`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt

from dfd.cropping import crop_to_image
from dfd.errors import ExplanationUnavailable, FaceNotFound, UnreadableVideo
from dfd.explanation import drawing
from dfd.explanation.curtain import Curtain
from dfd.explanation.faces import FacePlace, FoundFace, find_face, spread
from dfd.explanation.heat import METHOD, HeatConfig, HeatMapper
from dfd.explanation.regions import Region, regions_of
from dfd.explanation.shapley import region_evidence
from dfd.faithfulness import ExplanationRecord, Faithfulness
from dfd.manifest import ModelManifest
from dfd.ports import FaceDetector, ModelBackend, VideoSource
from dfd.report import Explanation, RegionEvidence
from dfd.types import FaceScore, FloatArray, ImageU8, TrackScore

FACES_PER_TRACK: Final = 4
"""Faces of a track whose regions are looked at, evenly over its course."""

MOST_TRACKS: Final = 4
"""Tracks that are explained, the most suspicious first: a bound on the cost of a crowd."""

_LARGEST_BATCH: Final = 32
_CONTEXT: Final = 0.35  # of the face's side, shown around it in thumbnails


@dataclass(frozen=True, slots=True)
class ExplainedFace:
    """A face and the map of the evidence in it.

    Attributes:
        place: where it is.
        face: ``(S, S, 3) uint8`` RGB, the crop that the model was shown (of two frames the first).
        heat: ``(S, S) float32`` in [-1, 1]; above 0 speaks for *fake*, below for *real*; 1 is the strongest place.
        frame_size_px: width and height of the frame, as it was looked at.
        to_frame: ``(2, 3)``, from pixels of the crop to those of the frame (`dfd.cropping.crop_to_image`).
    """

    place: FacePlace
    face: ImageU8
    heat: FloatArray
    frame_size_px: tuple[int, int]
    to_frame: npt.NDArray[np.float64]

    def sheet_png(self, side_px: int = 320) -> bytes:
        """Face, map over the face and legend, as a PNG file."""
        return drawing.png(drawing.sheet(self.face, self.heat, side_px))

    def overlay_png(self, side_px: int = 320) -> bytes:
        """The map over the face, as a PNG file."""
        return drawing.png(drawing.sheet(self.face, self.heat, side_px)[:, side_px : 2 * side_px])

    def layer_png(self, side_px: int = 320) -> bytes:
        """The map alone, as a PNG file with opacity."""
        return drawing.png(drawing.layer(self.heat, side_px))

    def frame_layer_png(self, longest_px: int = 1024) -> bytes:
        """The map alone where the face is in its frame, as a PNG file with opacity, for the whole frame."""
        return drawing.png(drawing.layer_of_frame(self.heat, self.to_frame, self.frame_size_px, longest_px))


class Explainer:
    """Explains the answers of one model. Safe to use from several threads."""

    def __init__(self, detector: FaceDetector, backend: ModelBackend, manifest: ModelManifest) -> None:
        """Put the parts together; what the manifest does not vouch for is refused when it is asked for."""
        self._detector = detector
        self._backend = backend
        self._manifest = manifest
        self._batch = min(manifest.max_batch, _LARGEST_BATCH)
        record = manifest.explanation
        self._config = (
            HeatConfig() if record is None or record.method != METHOD else HeatConfig.from_dict(record.parameters)
        )

    @cached_property
    def _mapper(self) -> HeatMapper:
        """Made when the first map is: most analyses ask for none."""
        return HeatMapper(self._manifest.input.size_px, self._config)

    @property
    def weights_sha256(self) -> str:
        """Of the model that is explained."""
        return self._manifest.weights_sha256

    def check_maps(self) -> None:
        """Refuse before the work.

        Raises:
            ExplanationUnavailable: maps of this model were not measured to be faithful.
        """
        record = self._record()
        self._check("heat maps", record.maps)

    def check_regions(self) -> None:
        """Refuse before the work.

        Raises:
            ExplanationUnavailable: evidence by region of this model was not measured to be faithful.
        """
        record = self._record()
        self._check("evidence by region", record.regions)

    def explained(self, source: VideoSource, place: FacePlace) -> ExplainedFace:
        """The map of one face.

        Args:
            source: the video, opened.
            place: the face (`dfd.explanation.faces.place_at`).

        Raises:
            ExplanationUnavailable: see `check_maps`.
            FaceNotFound, UnreadableVideo: see `dfd.explanation.faces.find_face`.
            BackendUnavailable: the model does not answer.
        """
        self.check_maps()
        found = self.found(source, place)
        height_px, width_px = found.image.shape[:2]
        return ExplainedFace(
            place,
            np.ascontiguousarray(found.crop[..., :3]),
            self.heat(found),
            (width_px, height_px),
            crop_to_image(found.detection, self._manifest.input),
        )

    def heat(self, found: FoundFace) -> FloatArray:
        """The map of a face that is cut, `ExplainedFace.heat`.

        Raises:
            ExplanationUnavailable: see `check_maps`.
            BackendUnavailable: the model does not answer.
        """
        self.check_maps()
        return self._mapper.heat(self._curtain(found), self._backend.predict, self._batch)

    def track_regions(self, source: VideoSource, places: Sequence[FacePlace]) -> tuple[RegionEvidence, ...]:
        """What each region of a face adds, as the mean over some faces of its track.

        Args:
            source: the video, opened.
            places: the faces of one track by time, at least one.

        Returns:
            one entry for each region, in the order of `Region`.

        Raises:
            ExplanationUnavailable: see `check_regions`; or no face has landmarks.
            FaceNotFound, UnreadableVideo: see `dfd.explanation.faces.find_face`.
            BackendUnavailable: the model does not answer.
        """
        self.check_regions()
        seen: list[tuple[Mapping[Region, float], Mapping[Region, float]]] = []
        for place in spread(places, FACES_PER_TRACK):
            found = self.found(source, place)
            if found.landmarks_px is None:
                continue
            regions = regions_of(found.landmarks_px, self._manifest.input.size_px)
            evidence = region_evidence(self._curtain(found), regions, self._backend.predict, self._batch)
            seen.append((evidence, {region: float(mask.mean()) for region, mask in regions.items()}))
        if not seen:
            raise ExplanationUnavailable("there are no landmarks to find the regions of the face by")
        return tuple(
            RegionEvidence(
                region.value,
                sum(evidence[region] for evidence, _ in seen) / len(seen),
                sum(share[region] for _, share in seen) / len(seen),
            )
            for region in Region
        )

    def track_explanation(
        self, source: VideoSource, tracks: Sequence[TrackScore], scores: Sequence[FaceScore], tick: Callable[[], None]
    ) -> Explanation:
        """`track_regions` of the first tracks, as many as are explained; why not, where that is not to be had.

        Args:
            source: the video, opened.
            tracks: the most suspicious first.
            scores: every scored face, by time.
            tick: called after each track; what it raises ends the work.

        Raises:
            BackendUnavailable: the model does not answer.
        """
        regions: dict[int, tuple[RegionEvidence, ...]] = {}
        try:
            self.check_regions()
            for track in tracks[:MOST_TRACKS]:
                places = [FacePlace.of(score) for score in scores if score.track_id == track.track_id]
                regions[track.track_id] = self.track_regions(source, places)
                tick()
        except (ExplanationUnavailable, FaceNotFound, UnreadableVideo) as error:
            return Explanation(regions, str(error))
        return Explanation(regions)

    def found(self, source: VideoSource, place: FacePlace) -> FoundFace:
        """The face, cut again; raises as `dfd.explanation.faces.find_face` does."""
        return find_face(source, self._detector, place, self._manifest.input)

    def thumbnail_jpeg(self, source: VideoSource, place: FacePlace, side_px: int = 160) -> bytes:
        """A face with some of what is around it, upright as it was filmed, as a JPEG file; raises as `found` does."""
        found = self.found(source, place)
        return drawing.jpeg(drawing.resized(_around(found), side_px))

    def _curtain(self, found: FoundFace) -> Curtain:
        return Curtain(found.crop, self._manifest.input, self._config.blur_share)

    def _record(self) -> ExplanationRecord:
        record, model = self._manifest.explanation, f"{self._manifest.name}/{self._manifest.version}"
        if record is None:
            raise ExplanationUnavailable(f"explanations of {model} were not measured to be faithful; none are shown")
        if record.method != METHOD:
            raise ExplanationUnavailable(f"explanations of {model} were measured for another method, {record.method}")
        if record.weights_sha256 != self._manifest.weights_sha256:
            raise ExplanationUnavailable(f"explanations of {model} were measured on other weights; none are shown")
        return record

    @staticmethod
    def _check(what: str, figures: Faithfulness) -> None:
        if figures.failures:
            raise ExplanationUnavailable(f"{what} did not pass their check: {'; '.join(figures.failures)}")


def _around(found: FoundFace) -> ImageU8:
    """A square of the frame around a face; pixels beyond the frame repeat its edge."""
    image, box = found.image, found.detection.box
    half = max(1.0, box.side_px * (0.5 + _CONTEXT))
    (x, y), (height, width) = box.centre_px, image.shape[:2]
    side = max(1, round(2 * half))
    rows = np.clip(np.arange(side) + round(y - half), 0, height - 1)
    columns = np.clip(np.arange(side) + round(x - half), 0, width - 1)
    return np.ascontiguousarray(image[np.ix_(rows, columns)])
