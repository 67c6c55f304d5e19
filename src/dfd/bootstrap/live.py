"""The model that answers in a process that runs for long, and what keeps it up to date."""

from dfd.bootstrap import Model, Parts, build_parts
from dfd.bootstrap.registry import build_registry
from dfd.monitoring.observing import ObservedAnalyzer, Tallier
from dfd.ports import FaceDetector, VideoOpener
from dfd.rollout.follower import AliasFollower
from dfd.rollout.live import LiveModel, LoadedModel, VideoAnalyzer
from dfd.settings import Settings


def build_live(
    settings: Settings,
    *,
    opener: VideoOpener | None = None,
    detector: FaceDetector | None = None,
    model: Model | None = None,
    tallier: Tallier | None = None,
) -> tuple[LiveModel, AliasFollower | None]:
    """The model, and where `MODEL_VERSION` is an alias what follows it; raises as `dfd.bootstrap.build_parts` does.

    Args:
        settings: say which model.
        opener: see `dfd.bootstrap.build_parts`.
        detector: likewise.
        model: likewise.
        tallier: counts what is analysed, whichever version answers; None counts nothing.
    """
    parts = build_parts(settings, opener=opener, detector=detector, model=model)
    live = LiveModel(_loaded(parts, tallier))
    alias = settings.followed_alias
    if alias is None or model is not None:
        return live, None
    registry = build_registry(settings)

    def wanted() -> str:
        return registry.resolve(settings.model_name, alias)

    def load(version: str) -> LoadedModel:
        numbered = settings.with_version(version)
        loaded = _loaded(build_parts(numbered, opener=parts.opener, detector=parts.detector), tallier)
        loaded.score_blank()
        return loaded

    return live, AliasFollower(live, alias, wanted, load, settings.model_poll_s)


def _loaded(parts: Parts, tallier: Tallier | None) -> LoadedModel:
    analyzer: VideoAnalyzer = parts.analyzer()
    if tallier is not None:
        analyzer = ObservedAnalyzer(analyzer, parts.manifest, tallier)
    return LoadedModel(analyzer, parts.backend, parts.manifest)
