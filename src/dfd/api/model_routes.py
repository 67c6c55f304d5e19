"""The route of models: versions, aliases, and how a rollout goes."""

from typing import Annotated

from fastapi import APIRouter, Depends

from dfd.api.front import FrontDesk
from dfd.api.model_schemas import Models, told_of
from dfd.api.problems import documented
from dfd.api.routes import never_stored, services_of
from dfd.api.services import Services

models = APIRouter(prefix="/v1/models", tags=["models"], dependencies=[Depends(never_stored)])


@models.get(
    "",
    summary="Versions, aliases and rollouts of the model",
    responses=documented("internal", "job_store_unavailable", "registry_unavailable", "model_corrupt"),
)
async def list_models(front: FrontDesk, services: Annotated[Services, Depends(services_of)]) -> Models:
    """The model that answers: its versions, which of them bear an alias, and its newest rollout with figures.

    Figures of a rollout that is over are what its observations still hold; those of its end are in `ended`.
    """
    return await front.ask(lambda: told_of(services.catalogue.models() if services.catalogue else [], services.monitor))
