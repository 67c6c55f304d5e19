"""The routes of how a model is doing: drift, and calibration on labelled videos."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query

from dfd.api.drift_schemas import CalibrationOnFeedback, Drift
from dfd.api.front import FrontDesk
from dfd.api.problems import documented
from dfd.api.routes import never_stored, services_of
from dfd.api.services import Services
from dfd.monitoring.drift import drift_to_dict
from dfd.monitoring.labelled import calibration_to_dict
from dfd.monitoring.monitor import WEEK_HOURS
from dfd.monitoring.observing import KEPT_HOURS

drift = APIRouter(prefix="/v1/models/{name}/{version}", tags=["models"], dependencies=[Depends(never_stored)])

_Services = Annotated[Services, Depends(services_of)]
_Name = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=256, description="The model.")]
_Version = Annotated[str, Path(pattern=r"^[1-9][0-9]*$", max_length=18, description="Its version, a number.")]
_PROBLEMS = documented(
    "version_not_found",
    "invalid_parameter",
    "internal",
    "model_corrupt",
    "registry_unavailable",
    "job_store_unavailable",
)


@drift.get("/drift", summary="What a model was fed lately", responses=_PROBLEMS)
async def get_drift(
    front: FrontDesk,
    services: _Services,
    name: _Name,
    version: _Version,
    window_hours: Annotated[int, Query(ge=1, le=KEPT_HOURS, description="How far back to look.")] = WEEK_HOURS,
) -> Drift:
    """Histograms of scores and quality, over all replicas, beside those of the held-out videos of training."""
    status = await front.ask(lambda: services.monitor.drift(name, version, window_hours))
    return Drift.model_validate(drift_to_dict(status))


@drift.get("/calibration", summary="Whether a model's probabilities hold", responses=_PROBLEMS)
async def get_calibration(
    front: FrontDesk, services: _Services, name: _Name, version: _Version
) -> CalibrationOnFeedback:
    """Figures on the videos that were given feedback: a biased sample, as `warning` says."""
    status = await front.ask(lambda: services.monitor.calibration(name, version))
    return CalibrationOnFeedback.model_validate(calibration_to_dict(status))
