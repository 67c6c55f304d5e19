"""The registry of models, from settings, and how a version is examined."""

from collections.abc import Callable

from dfd.backends.onnx_runtime import OnnxRuntimeBackend
from dfd.errors import ConfigurationError
from dfd.ports.registry import ModelRegistry, RegisteredModel
from dfd.registry.directory import DirectoryRegistry
from dfd.registry.parity import check_parity
from dfd.settings import Settings


def build_registry(settings: Settings) -> ModelRegistry:
    """Where the models of the settings are kept.

    Raises:
        ConfigurationError: a package that it needs is not installed.
    """
    if settings.model_registry_url is None:
        return DirectoryRegistry(settings.models_dir)
    try:
        from dfd.registry.mlflow import MlflowRegistry  # noqa: PLC0415 - an extra that most do without
    except ImportError as error:
        raise ConfigurationError("MODEL_REGISTRY_URL needs pip install 'dfd[mlflow]'") from error
    return MlflowRegistry(settings.model_registry_url, settings.data_dir / "models")


def examiner(settings: Settings) -> Callable[[RegisteredModel], float]:
    """What runs a version whose hashes hold, and compares it with what its manifest promises.

    Returns:
        a function that answers the largest difference of a logit from those in the manifest, and raises `ModelCorrupt`
        where the model cannot be run, takes other crops or answers otherwise.
    """

    def examine(model: RegisteredModel) -> float:
        return check_parity(
            OnnxRuntimeBackend(model.weights_path, model.manifest, settings.cpu_threads), model.manifest
        )

    return examine
