"""The model that answers in a process that runs for long, and what keeps it up to date."""

from dfd.backends.remote import Listener
from dfd.bootstrap import Model, Parts, build_parts
from dfd.bootstrap.registry import build_registry
from dfd.ports import FaceDetector, VideoOpener
from dfd.ports.observing import Observer
from dfd.rollout.follower import AliasFollower
from dfd.rollout.live import LiveModel, LoadedModel
from dfd.rollout.observed import ObservedAnalyzer
from dfd.settings import Settings
from dfd.telemetry.logs import log_backend_event


def build_live(
    settings: Settings,
    *,
    opener: VideoOpener | None = None,
    detector: FaceDetector | None = None,
    model: Model | None = None,
    observer: Observer | None = None,
    listener: Listener = log_backend_event,
) -> tuple[LiveModel, AliasFollower | None]:
    """The model, whose analyses `observer` hears of, and where `MODEL_VERSION` is an alias what follows it.

    Raises as `dfd.bootstrap.build_parts` does. `listener` hears of model servers.
    """
    observer = observer or Observer()
    parts = build_parts(settings, opener=opener, detector=detector, model=model, listener=listener)
    live = LiveModel(_loaded(parts, observer))
    alias = settings.followed_alias
    if alias is None or model is not None:
        return live, None
    registry = build_registry(settings)

    def wanted() -> str:
        return registry.resolve(settings.model_name, alias)

    def load(version: str) -> LoadedModel:
        numbered = settings.with_version(version)
        found = build_parts(numbered, opener=parts.opener, detector=parts.detector, listener=listener)
        loaded = _loaded(found, observer)
        loaded.score_blank()
        return loaded

    return live, AliasFollower(live, alias, wanted, load, settings.model_poll_s, observer=observer)


def _loaded(parts: Parts, observer: Observer) -> LoadedModel:
    return LoadedModel(ObservedAnalyzer(parts.analyzer(), observer), parts.backend, parts.manifest)
