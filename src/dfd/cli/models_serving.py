"""``dfd models export-serving-config``: the registry for model servers."""

import sys
from pathlib import Path

from dfd.aliases import Alias
from dfd.backends.onnx_runtime import OnnxRuntimeBackend
from dfd.bootstrap.registry import build_registry
from dfd.cli.exits import ExitCode
from dfd.errors import InvalidParameter
from dfd.ports.registry import RegisteredModel
from dfd.registry.serving_config import (
    TF_SERVING_NAME,
    TritonBackend,
    TritonVersion,
    of_one_form,
    tf_serving_config,
    write_triton,
)
from dfd.settings import Settings, load_settings


def export_serving_config(server: str, out: Path, name: str | None, base_path: str, backend: str) -> ExitCode:
    """Write a configuration, and say what it holds.

    Args:
        server: ``tfserving`` or ``triton``.
        out: folder to write to; made if need be.
        name: of the model; None for `Settings.model_name`.
        base_path: where TensorFlow Serving finds the folder of models.
        backend: what runs the model inside Triton.

    Raises:
        ModelNotFound, ModelCorrupt: a version that is to be served is not there, or not fit for it.
        InvalidParameter: `out` cannot be written, or has the model already.
        ConfigurationError, RegistryUnavailable: the registry cannot be read.
    """
    settings = load_settings(model_name=name)
    models, labels = _to_serve(settings)
    try:
        if server == "tfserving":
            text = tf_serving_config(models, labels, base_path)
            out.mkdir(parents=True, exist_ok=True)
            written = out / TF_SERVING_NAME
            written.write_text(text, encoding="utf-8")
        else:
            kept, left = of_one_form([_for_triton(model, settings) for model in models])
            written = write_triton(out, kept, TritonBackend(backend))
            models = [version.model for version in kept]
            for manifest in left:
                sys.stderr.write(
                    f"dfd: {manifest.name}/{manifest.version} is left out: it takes crops of "
                    f"{list(manifest.input.tensor_shape)} or names its tensors otherwise, and Triton gives all "
                    "versions of a name one form\n"
                )
    except OSError as error:
        raise InvalidParameter(f"{out} cannot be written: {error.strerror}") from error
    versions = ", ".join(f"{model.manifest.name}/{model.manifest.version}" for model in models)
    sys.stdout.write(f"{written}: {versions}\n")
    return ExitCode.DONE


def _to_serve(settings: Settings) -> tuple[list[RegisteredModel], dict[str, str]]:
    """The versions that bear an alias or answer, the champion first, and the versions by alias.

    Raises:
        ModelNotFound, ModelCorrupt: one of them is not there, or damaged.
    """
    registry, name = build_registry(settings), settings.model_name
    aliases = registry.aliases(name)
    labels = {alias.value: version for alias in Alias if (version := aliases.version_of(alias)) is not None}
    answering = registry.resolve(name, settings.model_version)
    also = [answering] if answering in registry.versions(name) or not labels else []
    wanted = dict.fromkeys([aliases.champion, *also, aliases.challenger, aliases.previous])
    return [registry.load(name, version) for version in wanted if version is not None], labels


def _for_triton(model: RegisteredModel, settings: Settings) -> TritonVersion:
    tensors = OnnxRuntimeBackend(model.weights_path, model.manifest, settings.cpu_threads).tensors
    return TritonVersion(model, tensors.input_name, tensors.output_name, tensors.output_is_column)
