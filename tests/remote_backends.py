"""Remote backends as tests build them: every protocol, against any server of a test."""

import random
from collections.abc import Callable, Mapping
from typing import Final, Protocol

from dfd.backends.breaker import CircuitBreaker
from dfd.backends.model_server import ModelServer, Target
from dfd.backends.open_inference_grpc import OpenInferenceGrpc
from dfd.backends.open_inference_http import OpenInferenceHttp
from dfd.backends.remote import Listener, RemoteBackend, Retry, Timing
from dfd.backends.tf_serving_grpc import TfServingGrpc
from dfd.backends.tf_serving_rest import TfServingRest
from dfd.manifest import ModelManifest
from dfd.scoring import BackendEvent

TIMEOUT_S: Final = 60.0
"""For servers that are meant to answer, on a machine busy with other tests."""


class Place(Protocol):
    """Where a server listens."""

    @property
    def http_url(self) -> str: ...
    @property
    def grpc_url(self) -> str: ...


PROTOCOLS: Final[Mapping[str, Callable[[Place, Target], ModelServer]]] = {
    "tfserving-rest": lambda place, target: TfServingRest(place.http_url, target),
    "tfserving-grpc": lambda place, target: TfServingGrpc(place.grpc_url, target),
    "oip-http": lambda place, target: OpenInferenceHttp(place.http_url, target),
    "oip-grpc": lambda place, target: OpenInferenceGrpc(place.grpc_url, target),
}


def remote(
    protocol: str,
    place: Place,
    manifest: ModelManifest,
    *,
    name: str | None = None,
    version: str | None = None,
    events: list[BackendEvent] | None = None,
    timeout_s: float = TIMEOUT_S,
    retry: Retry | None = None,
    breaker: CircuitBreaker | None = None,
) -> RemoteBackend:
    """A backend that waits little between attempts.

    Args:
        protocol: a key of `PROTOCOLS`.
        place: where the server is.
        manifest: of the model.
        name: of the model on the server; None is the manifest's.
        version: asked for; None leaves it to the server.
        events: what happens is added to it.
        timeout_s: of each request.
        retry: when a request is sent again.
        breaker: see `RemoteBackend`.
    """
    server = PROTOCOLS[protocol](place, Target(name or manifest.name, version, manifest.version))
    timing = Timing(timeout_s, retry or Retry(first_wait_s=0.01), rng=random.Random(0))
    listener: Listener = (lambda _: None) if events is None else events.append
    return RemoteBackend(protocol.partition("-")[0], server, manifest, timing, listener, breaker)
