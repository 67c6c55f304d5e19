"""The model that answers in a process that runs for long, and what keeps it up to date."""

from collections.abc import Callable
from dataclasses import dataclass

from dfd.aliases import Alias
from dfd.backends.remote import Listener
from dfd.bootstrap import Model, Parts, build_parts
from dfd.bootstrap.decoding import tell_confinement
from dfd.bootstrap.jobs import JobParts
from dfd.bootstrap.registry import build_registry
from dfd.monitoring.observing import Tallier, Tallying
from dfd.ports import FaceDetector, VideoOpener
from dfd.ports.observing import Observer
from dfd.ports.registry import ModelRegistry
from dfd.report import Origin
from dfd.rollout.catalogue import ModelCatalogue
from dfd.rollout.desk import RolloutDesk
from dfd.rollout.follower import AliasFollower
from dfd.rollout.keeper import RolloutKeeper
from dfd.rollout.live import LiveModel, LoadedModel
from dfd.rollout.observed import ObservedAnalyzer
from dfd.settings import Settings
from dfd.telemetry.logs import log_backend_event


@dataclass(frozen=True, slots=True)
class Live:
    """The model of a process.

    Attributes:
        model: the one that answers now.
        registry: where it comes from.
        load: makes another version of it ready to answer.
        follower: where `MODEL_VERSION` is an alias, what follows it.
        poll_s: seconds between two looks.
        origin: what reports say of its analyzer, whichever version answers.
    """

    model: LiveModel
    registry: ModelRegistry
    load: Callable[[str], LoadedModel]
    follower: AliasFollower | None
    poll_s: float
    origin: Origin

    def desk(self, jobs: JobParts) -> RolloutDesk:
        """Where rollouts of models are started and looked at."""
        return RolloutDesk(jobs.rollouts, self.registry, jobs.clock, jobs.truths(self.model.current.manifest.name))

    def keeper(self, jobs: JobParts) -> RolloutKeeper | None:
        """What takes part in rollouts; None in a process that does not follow the champion."""
        follower = self.follower
        if follower is None or follower.state.alias != Alias.CHAMPION:
            return None
        return RolloutKeeper(
            self.model, self.desk(jobs), jobs.rollouts.observe, self.load, follower.nudge, self.poll_s, jobs.clock
        )

    def catalogue(self, jobs: JobParts, keeper: RolloutKeeper | None) -> ModelCatalogue:
        """What tells of the model and its rollouts."""
        return ModelCatalogue(
            self.model, self.registry, self.desk(jobs), lambda: None if keeper is None else keeper.state
        )


def build_live(
    settings: Settings,
    *,
    opener: VideoOpener | None = None,
    detector: FaceDetector | None = None,
    model: Model | None = None,
    tallier: Tallier | None = None,
    observer: Observer | None = None,
    listener: Listener = log_backend_event,
) -> Live:
    """The model, and where `MODEL_VERSION` is an alias what follows it; raises as `dfd.bootstrap.build_parts` does.

    Args:
        settings: say which model.
        opener: see `dfd.bootstrap.build_parts`.
        detector: likewise.
        model: likewise.
        tallier: counts what is analysed, whichever version answers; None counts nothing.
        observer: hears of analyses, and of models that take over.
        listener: hears of model servers.
    """
    observer = observer or Observer()
    parts = build_parts(settings, opener=opener, detector=detector, model=model, listener=listener)
    tell_confinement(parts.opener)
    live = LiveModel(_loaded(parts, tallier, observer))
    registry = build_registry(settings)

    def load(version: str) -> LoadedModel:
        numbered = settings.with_version(version)
        found = build_parts(numbered, opener=parts.opener, detector=parts.detector, listener=listener)
        loaded = _loaded(found, tallier, observer)
        loaded.score_blank()
        return loaded

    alias = settings.followed_alias
    follower = None
    if alias is not None and model is None:
        follower = AliasFollower(
            live,
            alias,
            lambda: registry.resolve(settings.model_name, alias),
            load,
            settings.model_poll_s,
            observer=observer,
        )
    return Live(live, registry, load, follower, settings.model_poll_s, parts.origin)


def _loaded(parts: Parts, tallier: Tallier | None, observer: Observer) -> LoadedModel:
    counting = () if tallier is None else (Tallying(parts.manifest, tallier),)
    plain = parts.analyzer()
    # Drift is told of all that a version was fed, also aside; requests and jobs are what the observer hears of.
    aside = ObservedAnalyzer(plain, *counting)
    return LoadedModel(
        ObservedAnalyzer(plain, observer, *counting), parts.backend, parts.manifest, parts.explained_videos(), aside
    )
