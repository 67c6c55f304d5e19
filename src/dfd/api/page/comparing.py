"""Two analyses side by side: what they have in common, and what not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request, Response

from dfd.api.front import FrontDesk
from dfd.api.page.analyses import Analysis, found_analysis
from dfd.api.page.rendering import percent, seconds
from dfd.api.page.showing import PageRoute, pages_of
from dfd.api.routes import services_of
from dfd.api.services import Services

_WIDTH, _HEIGHT = 320.0, 72.0
_NONE: Final = "none"


@dataclass(frozen=True, slots=True)
class Row:
    """One fact of both."""

    name: str
    values: tuple[str, str]

    @property
    def differs(self) -> bool:
        """Whether it is not the same of both."""
        return self.values[0] != self.values[1]


@dataclass(frozen=True, slots=True)
class Dot:
    """A scored face in a small drawing; whether it reaches the threshold."""

    x: float
    y: float
    over: bool


@dataclass(frozen=True, slots=True)
class Course:
    """The scores of an analysis over time.

    Attributes:
        dots: of each face at most one for a pixel, the most suspicious: an hour of scores must not make a heavy page.
        scores: how many there are in all.
        over: how many of all reach the threshold.
    """

    dots: Sequence[Dot]
    scores: int
    over: int


comparisons = APIRouter(include_in_schema=False, route_class=PageRoute)


@comparisons.get("/compare")
async def compare(
    request: Request,
    services: Annotated[Services, Depends(services_of)],
    front: FrontDesk,
    which: Annotated[list[str], Query(alias="with", max_length=16)] = [],  # noqa: B006 - never changed
) -> Response:
    """Two analyses; with another number of them the page says how it is done."""
    chosen = list(dict.fromkeys(which))
    if len(chosen) != 2:
        return pages_of(request).answer("compare.html", both=None, rows=[], courses=[])
    manifest = services.model.current.manifest
    both = await front.ask(lambda: [found_analysis(one, front, manifest) for one in chosen])
    return pages_of(request).answer(
        "compare.html", both=both, rows=rows_of(both), courses=[course(x.report) for x in both]
    )


def rows_of(both: Sequence[Analysis]) -> list[Row]:
    """Facts of both, the more telling first."""
    columns = [_facts(one) for one in both]
    return [Row(name, (columns[0][name], columns[1][name])) for name in columns[0]]


def course(report: Mapping[str, Any]) -> Course:
    """The scores of a report as a small drawing, `_WIDTH` by `_HEIGHT`."""
    scores = report.get("face_scores", [])
    last_s = max((score["pts_s"] for score in scores), default=0.0) or 1.0
    highest: dict[tuple[int, int], Dot] = {}
    for score in sorted(scores, key=lambda score: float(score["fake_probability"])):
        x = 4 + score["pts_s"] / last_s * (_WIDTH - 8)
        y = 4 + (1 - score["fake_probability"]) * (_HEIGHT - 8)
        is_over = score["fake_probability"] >= report["threshold"]
        highest[score["track_id"], round(x)] = Dot(round(x, 1), round(y, 1), is_over)  # a higher one takes the place
    return Course(
        dots=list(highest.values()),
        scores=len(scores),
        over=sum(score["fake_probability"] >= report["threshold"] for score in scores),
    )


def _facts(analysis: Analysis) -> dict[str, str]:
    report, job = analysis.report, analysis.job
    video, coverage, model = report.get("video", {}), report.get("coverage", {}), report.get("model", {})
    probability = report.get("fake_probability")
    result = analysis.result
    settings = report.get("provenance", {}).get("settings", {})
    return {
        "Verdict": result.words.said if result else job.state.value,
        "Probability of fake": _NONE if probability is None else percent(probability),
        "Threshold": percent(report["threshold"]) if report else _NONE,
        "Reasons": " ".join(reason.said for reason in result.reasons) if result and result.reasons else _NONE,
        "Faces": str(len(report.get("tracks", []))),
        "Frames with a face": f"{coverage['face_frames']} of {coverage['sampled_frames']}" if coverage else _NONE,
        "Duration": seconds(video["duration_s"]) if video.get("duration_s") else _NONE,
        "Picture": f"{video['width_px']} × {video['height_px']}, {video['codec']}" if video else _NONE,  # noqa: RUF001
        "Frames a second looked at": str(settings.get("fps", _NONE)),
        "Model": f"{model['name']}, version {model['version']}" if model else _NONE,
        "Software": report.get("provenance", {}).get("dfd_version", _NONE),
        "SHA-256 of the file": job.input_sha256,
    }
