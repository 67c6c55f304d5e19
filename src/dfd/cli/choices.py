"""From the options of a command to settings."""

from dfd.bootstrap.registry import build_registry
from dfd.errors import ModelNotFound
from dfd.settings import Settings, load_settings


def chosen_settings(  # noqa: PLR0913 - one for each option, all by name
    *,
    model_name: str | None,
    model_version: str | None,
    fps: float | None = None,
    max_frames: int | None = None,
    threshold: float | None = None,
    operating_point: str | None = None,
    backend: str | None = None,
    detector: str | None = None,
    threads: int | None = None,
) -> Settings:
    """The settings with a user's choices over them; None leaves a choice to the settings.

    Args:
        model_name: see `Settings.model_name`.
        model_version: see `Settings.model_version`; with a name and no version, the newest.
        fps: see `Settings.default_fps`.
        max_frames: see `Settings.max_frames`.
        threshold: see `Settings.threshold`.
        operating_point: see `Settings.operating_point`; without a threshold beside it, it wins over the settings' own.
        backend: see `Settings.model_backend`.
        detector: see `Settings.face_detector`.
        threads: see `Settings.threads`.

    Raises:
        ConfigurationError: they do not hold.
        ModelNotFound: a model was named without its version, and there is none.
    """
    settings = load_settings(
        default_fps=fps,
        max_frames=max_frames,
        threshold=threshold,
        operating_point=operating_point,
        model_backend=backend,
        face_detector=detector,
        model_name=model_name,
        model_version=model_version,
        threads=threads,
    )
    if operating_point is not None and threshold is None:
        settings = settings.model_copy(update={"threshold": None})
    if model_name is None or model_version is not None:
        return settings
    registry = build_registry(settings)
    versions = registry.versions(model_name)
    if not versions:
        raise ModelNotFound(f"there is no model {model_name} in {registry.where}")
    return settings.model_copy(update={"model_version": versions[-1]})
