"""The model backend, from settings."""

from collections.abc import Callable

from dfd.backends.fallback import FallbackBackend
from dfd.backends.micro_batching import MicroBatcher
from dfd.backends.model_server import ModelServer, Target
from dfd.backends.onnx_runtime import OnnxRuntimeBackend
from dfd.backends.remote import Listener, RemoteBackend, Timing
from dfd.bootstrap.tuning import tuning_of
from dfd.errors import ConfigurationError
from dfd.ports import ModelBackend
from dfd.registry.directory import RegisteredModel
from dfd.settings import Settings
from dfd.telemetry.logs import log_backend_event


def build_backend(settings: Settings, model: RegisteredModel, listener: Listener = log_backend_event) -> ModelBackend:
    """What scores crops with `model`, as the settings say. A model server need not be there yet.

    Args:
        settings: say which backend, and where its server is.
        model: the model; a server must have the same.
        listener: told what happens to a remote backend.

    Raises:
        ModelCorrupt: the embedded backend is needed and cannot run the model.
        ConfigurationError: the backend needs a package that is not installed, or `DEVICE` cannot be used.
    """
    if settings.model_backend == "onnx":
        return embedded(settings, model)
    manifest = model.manifest
    server = build_server(settings, Target(settings.model_name, settings.version_to_ask, manifest.version))
    timing = Timing(settings.request_timeout)
    remote = RemoteBackend(settings.model_backend, server, manifest, timing, listener)
    return FallbackBackend(remote, embedded(settings, model), listener) if settings.backend_fallback else remote


def embedded(settings: Settings, model: RegisteredModel) -> ModelBackend:
    """ONNX Runtime in this process; videos that are analysed at the same time share its calls.

    Raises:
        ModelCorrupt: it cannot run the model.
        ConfigurationError: `DEVICE` cannot be used here.
    """
    tuning = tuning_of(settings)
    runtime = OnnxRuntimeBackend(
        model.weights_path,
        model.manifest,
        settings.cpu_threads,
        settings.device,
        tuning.call_threads,
        tuning.piece_crops,
    )
    return MicroBatcher(runtime, model.manifest.max_batch)


def build_server(settings: Settings, target: Target) -> ModelServer:
    """The server of the settings' remote backend, by the protocol that the scheme of its address names.

    Raises:
        ConfigurationError: gRPC is asked for and not installed.
    """
    if settings.model_backend == "oip" and settings.oip_url is not None:
        url = settings.oip_url
        return _grpc(_open_inference_grpc, url, target) if url.startswith("grpc") else _open_inference_http(url, target)
    url = settings.tf_serving_url
    return _grpc(_tf_serving_grpc, url, target) if url.startswith("grpc") else _tf_serving_rest(url, target)


def tf_serving(settings: Settings) -> ModelServer:
    """TensorFlow Serving at ``TF_SERVING_URL``, whether or not it is the backend; raises as `build_server`."""
    target = Target(settings.model_name, None, settings.model_version)
    return build_server(settings.model_copy(update={"model_backend": "tfserving"}), target)


def oip(settings: Settings) -> ModelServer:
    """The server at ``OIP_URL``, which must be set, whether or not it is the backend; raises as `build_server`."""
    target = Target(settings.model_name, settings.version_to_ask, settings.model_version)
    return build_server(settings.model_copy(update={"model_backend": "oip"}), target)


def _grpc(build: Callable[[str, Target], ModelServer], url: str, target: Target) -> ModelServer:
    try:
        return build(url, target)
    except ImportError as error:
        raise ConfigurationError(f"{url.partition(':')[0]}:// needs pip install 'dfd[grpc]'") from error


def _open_inference_http(url: str, target: Target) -> ModelServer:
    from dfd.backends.open_inference_http import OpenInferenceHttp  # noqa: PLC0415 - most ask no server

    return OpenInferenceHttp(url, target)


def _tf_serving_rest(url: str, target: Target) -> ModelServer:
    from dfd.backends.tf_serving_rest import TfServingRest  # noqa: PLC0415 - most ask no server

    return TfServingRest(url, target)


def _open_inference_grpc(url: str, target: Target) -> ModelServer:
    from dfd.backends.open_inference_grpc import OpenInferenceGrpc  # noqa: PLC0415 - an extra that most do without

    return OpenInferenceGrpc(url, target)


def _tf_serving_grpc(url: str, target: Target) -> ModelServer:
    from dfd.backends.tf_serving_grpc import TfServingGrpc  # noqa: PLC0415 - an extra that most do without

    return TfServingGrpc(url, target)
