"""The model that answers in a process that runs for long, and what keeps it up to date."""

from dfd.bootstrap import Model, Parts, build_parts
from dfd.bootstrap.registry import build_registry
from dfd.ports import FaceDetector, VideoOpener
from dfd.rollout.follower import AliasFollower
from dfd.rollout.live import LiveModel, LoadedModel
from dfd.settings import Settings


def build_live(
    settings: Settings,
    *,
    opener: VideoOpener | None = None,
    detector: FaceDetector | None = None,
    model: Model | None = None,
) -> tuple[LiveModel, AliasFollower | None]:
    """The model, and where `MODEL_VERSION` is an alias what follows it; raises as `dfd.bootstrap.build_parts` does."""
    parts = build_parts(settings, opener=opener, detector=detector, model=model)
    live = LiveModel(_loaded(parts))
    alias = settings.followed_alias
    if alias is None or model is not None:
        return live, None
    registry = build_registry(settings)

    def wanted() -> str:
        return registry.resolve(settings.model_name, alias)

    def load(version: str) -> LoadedModel:
        numbered = settings.with_version(version)
        loaded = _loaded(build_parts(numbered, opener=parts.opener, detector=parts.detector))
        loaded.score_blank()
        return loaded

    return live, AliasFollower(live, alias, wanted, load, settings.model_poll_s)


def _loaded(parts: Parts) -> LoadedModel:
    return LoadedModel(parts.analyzer(), parts.backend, parts.manifest, parts.explained_videos())
