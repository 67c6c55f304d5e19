"""The keys that check signed reports, for anyone."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from dfd.api.routes import services_of
from dfd.api.schemas import SigningKey, SigningKeys
from dfd.api.services import Services

keys = APIRouter(prefix="/v1", tags=["operation"])


@keys.get("/signing-keys", summary="The public keys of signed reports")
async def signing_keys(services: Annotated[Services, Depends(services_of)], response: Response) -> SigningKeys:
    """List the keys as a JSON Web Key Set (RFC 7517); it is empty where reports are not signed."""
    response.headers["Cache-Control"] = "public, max-age=300"
    return SigningKeys(keys=[SigningKey.model_validate(key) for key in services.signing_keys])
