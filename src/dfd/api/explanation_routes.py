"""The routes of explanations: maps of the evidence in faces, evidence by region, and pictures of the faces."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import Field

from dfd.api.explanations import ExplanationDesk, FaceWish
from dfd.api.front import FrontDesk, JobId
from dfd.api.problems import documented
from dfd.api.routes import never_stored
from dfd.api.schemas import Answer
from dfd.explanation.regions import Region
from dfd.explanation.videos import LARGEST_SIDE_PX, SMALLEST_SIDE_PX, Form

_SAFE: Final = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


class RegionAnswer(Answer):
    """What one region of a face adds to the answer."""

    region: Annotated[Region, Field(description="Which; docs/explanations.md draws them.")]
    evidence_logit: Annotated[
        float,
        Field(description="Shapley value in logits: above 0 speaks for fake, below for real.", examples=[0.412]),
    ]
    area_share: Annotated[float, Field(description="Its share of the crop.", examples=[0.08], ge=0, le=1)]


class TrackRegions(Answer):
    """Evidence by region of one face track."""

    track_id: Annotated[int, Field(examples=[0])]
    regions: list[RegionAnswer]


def desk_of(request: Request) -> ExplanationDesk:
    """The application's explanations."""
    desk: ExplanationDesk = request.app.state.explanations
    return desk


Desk = Annotated[ExplanationDesk, Depends(desk_of)]
Time = Annotated[
    float | None,
    Query(
        alias="t",
        ge=0,
        allow_inf_nan=False,
        description="Time in seconds: the nearest sampled face is taken, at most one sampling step away. Without it, "
        "the most suspicious face.",
    ),
]
Side = Annotated[
    int,
    Query(
        ge=SMALLEST_SIDE_PX,
        le=LARGEST_SIDE_PX,
        description="Side of the face in the picture, in pixels; of `frame` its longer side.",
    ),
]
Drawn = Annotated[
    Form,
    Query(description="Face, map and legend; the map over the face; the map alone; the map alone for the whole frame."),
]

_ERRORS: Final = (
    "job_not_found",
    "artifact_not_found",
    "face_not_found",
    "report_not_ready",
    "explanation_unavailable",
    "invalid_parameter",
    "unreadable_video",
    "decode_timed_out",
    "decode_out_of_memory",
    "internal",
    "overloaded",
    "job_store_unavailable",
    "storage_unavailable",
    "storage_full",
    "backend_unavailable",
)


def _picture(media_type: str) -> dict[int | str, dict[str, Any]]:
    content = {media_type: {"schema": {"type": "string", "format": "binary"}}}
    return {200: {"description": "The picture.", "content": content}, **documented(*_ERRORS)}


explanations = APIRouter(prefix="/v1/jobs/{job_id}", tags=["explanations"], dependencies=[Depends(never_stored)])


@explanations.get(
    "/heatmaps", summary="Where on a face the evidence lies", response_class=Response, responses=_picture("image/png")
)
async def get_heat_map(
    front: FrontDesk,
    desk: Desk,
    job_id: JobId,
    track: Annotated[int | None, Query(ge=0, description="The face track; without it, any.")] = None,
    time_s: Time = None,
    form: Drawn = Form.SHEET,
    side: Side = 320,
) -> Response:
    """Draw a map of one face: orange speaks for fake, blue for real. It takes the model some 300 scores.

    The upload must still be kept, and the model that made the report must be the one that answers. A model whose maps
    were not measured to be faithful is not explained (`explanation_unavailable`).
    """
    picture = await desk.heat_map(front.desk, job_id, FaceWish(track, time_s), form, side)
    return Response(picture, media_type="image/png", headers=_SAFE)


@explanations.get("/regions", summary="Which parts of a face the evidence lies in", responses=documented(*_ERRORS))
async def get_regions(
    front: FrontDesk, desk: Desk, job_id: JobId, track: Annotated[int, Query(ge=0, description="The face track.")]
) -> TrackRegions:
    """Tell what eyes, mouth, nose, border, skin and background of a face add to the answer, over its track.

    A report of an analysis that was asked to explain has this already, in `tracks[].regions`.
    """
    found = await desk.regions(front.desk, job_id, track)
    return TrackRegions(track_id=track, regions=[RegionAnswer.model_validate(one) for one in found])


@explanations.get(
    "/faces/{track}.jpg", summary="A picture of a face", response_class=Response, responses=_picture("image/jpeg")
)
async def get_face(
    front: FrontDesk,
    desk: Desk,
    job_id: JobId,
    track: Annotated[int, Path(ge=0, description="The face track.")],
    time_s: Time = None,
    side: Side = 160,
) -> Response:
    """Cut a face out of the upload, while that is kept."""
    picture = await desk.face(front.desk, job_id, FaceWish(track, time_s), side)
    return Response(picture, media_type="image/jpeg", headers=_SAFE)
