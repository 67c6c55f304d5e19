"""Settings of the model that answers, and of where it runs. A part of `dfd.settings.Settings`."""

from pathlib import Path
from typing import Final, Literal, Self

from pydantic import BaseModel, Field

from dfd.settings.types import HttpUrl, ServerUrl

_PACKAGE: Final = Path(__file__).resolve().parents[1]
_PACKAGED_MODELS: Final = _PACKAGE / "models"  # in an installed wheel
_CHECKOUT_MODELS: Final = _PACKAGE.parents[1] / "models"  # in a source tree


def default_models_dir() -> Path:
    """The models that came with this copy of DFD: inside an installed package, else the source tree's ``models``."""
    return _PACKAGED_MODELS if _PACKAGED_MODELS.is_dir() else _CHECKOUT_MODELS


class ModelSettings(BaseModel):
    """Which model answers, and who computes it."""

    model_name: str = Field("deepfake", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", description="Model that answers")
    model_version: str = Field(
        "2",
        pattern=r"^([1-9][0-9]*|champion|challenger)$",
        description="Its version: a number, or an alias, `champion` or `challenger`, which services follow",
    )
    model_poll_s: float = Field(
        5.0, ge=0.1, le=3600, description="Seconds between two looks at where an alias of `MODEL_VERSION` leads"
    )
    models_dir: Path = Field(
        default_factory=default_models_dir,
        description="Folder of models, `<name>/<version>/manifest.json`; unset: the models that came with DFD",
    )
    model_registry_url: HttpUrl | None = Field(
        None, description="MLflow server that keeps the models, `http://HOST:PORT`; unset: `MODELS_DIR` does"
    )
    model_backend: Literal["onnx", "tfserving", "oip"] = Field(
        "onnx",
        description="What scores crops: `onnx`, in this process; `tfserving`, TensorFlow Serving or one that speaks as "
        "it does; `oip`, a server of the Open Inference Protocol",
    )
    tf_serving_url: ServerUrl = Field(
        "http://localhost:8501", description="Where TensorFlow Serving is looked for: `http://`, or `grpc://HOST:PORT`"
    )
    oip_url: ServerUrl | None = Field(
        None, description="Server of `MODEL_BACKEND=oip`: `http://HOST:PORT`, or `grpc://HOST:PORT`"
    )
    request_timeout: float = Field(
        30.0, gt=0, description="Seconds to wait for a model server's scores of one batch, repetitions included"
    )
    backend_fallback: bool = Field(
        False, description="Let the model in this process answer while the model server does not"
    )

    @property
    def version_to_ask(self) -> str | None:
        """Version that a model server is asked for by its number; None, where none was set, leaves it to the server."""
        return self.model_version if "model_version" in self.model_fields_set else None

    @property
    def followed_alias(self) -> str | None:
        """The alias that `MODEL_VERSION` is; None where it is a number."""
        return None if self.model_version.isdigit() else self.model_version

    def with_version(self, version: str) -> Self:
        """These settings with a number in place of the alias; themselves where there is none."""
        return self if version == self.model_version else self.model_copy(update={"model_version": version})
