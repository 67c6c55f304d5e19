"""What the HTTP interface tells of models and their rollouts."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Self

from pydantic import Field

from dfd.aliases import Note
from dfd.api.drift_schemas import Drift
from dfd.api.schemas import Answer
from dfd.challenge.observation import Arm
from dfd.challenge.rollout import Mode, Rollout, RolloutState
from dfd.errors import VersionNotFound
from dfd.monitoring.drift import drift_to_dict
from dfd.monitoring.monitor import ModelMonitor
from dfd.rollout.catalogue import ModelView
from dfd.rollout.comparing import ArmFigures
from dfd.rollout.desk import RolloutStatus
from dfd.rollout.rails import Rail, Standing


class VersionDetail(Answer):
    """A version of the registry."""

    version: Annotated[str, Field(description="Its number.", examples=["2"])]
    aliases: Annotated[
        list[str], Field(description="Among `champion`, `challenger` and `previous`.", examples=[["champion"]])
    ]


class NoteDetail(Answer):
    """Who did something, when and why."""

    at: Annotated[str, Field(description="Time (ISO 8601, UTC).", examples=["2026-11-25T21:00:00.000+00:00"])]
    actor: Annotated[str, Field(description="Who; `dfd rollout` where the policy decided.", examples=["dfd rollout"])]
    reason: Annotated[str, Field(description="Why.", examples=["latency_ratio is 2.9, at most 1.5 is allowed"])]
    figures: Annotated[dict[str, float], Field(description="What the decision rests on, by name.")]

    @classmethod
    def of(cls, note: Note) -> Self:
        """What is told of a note."""
        at = datetime.fromtimestamp(note.at_s, UTC).isoformat(timespec="milliseconds")
        return cls(at=at, actor=note.actor, reason=note.reason, figures=dict(note.figures))


class ArmDetail(Answer):
    """What one version did during the rollout, by the files that are compared."""

    version: Annotated[str, Field(examples=["3"])]
    observations: Annotated[int, Field(description="Files that it judged or failed at.", ge=0)]
    errors: Annotated[int, Field(description="At how many it failed.", ge=0)]
    inconclusive: Annotated[int, Field(description="How many it would not decide.", ge=0)]
    mean_score: Annotated[float | None, Field(description="Of the files it scored.", ge=0, le=1)]
    median_latency_ms: Annotated[float | None, Field(description="Cropping and scoring, for each face.", ge=0)]
    labelled: Annotated[int, Field(description="Scored files whose truth is known.", ge=0)]
    brier: Annotated[float | None, Field(description="Mean squared error of the score on those.", ge=0, le=1)]

    @classmethod
    def of(cls, version: str, figures: ArmFigures) -> Self:
        """What is told of an arm."""
        return cls(
            version=version,
            observations=figures.observations,
            errors=figures.errors,
            inconclusive=figures.inconclusive,
            mean_score=figures.mean_score,
            median_latency_ms=figures.median_latency_ms,
            labelled=figures.labelled,
            brier=figures.brier,
        )


class RailDetail(Answer):
    """A guard rail."""

    name: Annotated[str, Field(description="As in the policy.", examples=["error_rate"])]
    value: Annotated[float | None, Field(description="What was measured; null where nothing was.", examples=[0.01])]
    limit: Annotated[float, Field(description="Of the policy.", examples=[0.02])]
    compared: Annotated[int, Field(description="Comparisons that it rests on.", ge=0)]
    standing: Annotated[Standing, Field(description="`alarm` rolls back, `quiet` lets pass, `open` has shown nothing.")]
    alarm: Annotated[float, Field(description="Evidence over the limit, as a share of what alarms.", ge=0)]
    within: Annotated[
        float | None, Field(description="Evidence within it, as a share of what is needed; null: none is asked for.")
    ]

    @classmethod
    def of(cls, rail: Rail) -> Self:
        """What is told of a rail."""
        within = None if rail.within is None else rail.within / rail.quiet_at
        return cls(
            name=rail.name,
            value=rail.value,
            limit=rail.limit,
            compared=rail.compared,
            standing=rail.standing,
            alarm=rail.against / rail.alarm_at,
            within=within,
        )


class PastRollout(Answer):
    """A rollout, without its figures."""

    id: Annotated[str, Field(description="Its name.")]
    mode: Mode
    champion: Annotated[str, Field(description="Version that answers.", examples=["2"])]
    challenger: Annotated[str, Field(description="Version that is tried.", examples=["3"])]
    share: Annotated[float, Field(description="Of the files, that go to the challenger.", gt=0, le=1)]
    state: RolloutState
    begun: NoteDetail
    ended: Annotated[NoteDetail | None, Field(description="null while it runs.")]
    settled: Annotated[bool, Field(description="Whether the aliases have followed its end.")]


class RolloutDetail(PastRollout):
    """The newest rollout and what was observed."""

    policy: Annotated[dict[str, float | bool | None], Field(description="What decides.")]
    arms: Annotated[dict[Arm, ArmDetail], Field(description="Figures of both versions.")]
    pairs: Annotated[int, Field(description="Files that both have judged.", ge=0)]
    rails: list[RailDetail]

    @classmethod
    def of(cls, status: RolloutStatus) -> Self:
        """What is told of a rollout."""
        rollout, weighing = status.rollout, status.weighing
        versions = {Arm.CHAMPION: rollout.champion, Arm.CHALLENGER: rollout.challenger}
        return cls(
            **dict(past(rollout)),
            policy=rollout.policy.to_dict(),
            arms={arm: ArmDetail.of(versions[arm], figures) for arm, figures in weighing.arms.items()},
            pairs=weighing.pairs,
            rails=[RailDetail.of(rail) for rail in weighing.rails],
        )


class TakingPart(Answer):
    """How the process that answers takes part in rollouts."""

    rollout_id: Annotated[str | None, Field(description="That its traffic goes through; null for none.")]
    dropped_aside: Annotated[int, Field(description="Files that found no place to be scored aside.", ge=0)]
    dropped_observations: Annotated[int, Field(description="Observations that were lost.", ge=0)]
    error: Annotated[str | None, Field(description="Code of what keeps it from looking; null where nothing does.")]


class ModelDetail(Answer):
    """A model."""

    name: Annotated[str, Field(examples=["deepfake"])]
    answering: Annotated[str, Field(description="Version that answers in this process.", examples=["2"])]
    versions: list[VersionDetail]
    alias_revision: Annotated[int, Field(description="Changes of aliases so far.", ge=0)]
    rollout: Annotated[RolloutDetail | None, Field(description="The newest; null where there never was one.")]
    rollouts: Annotated[list[PastRollout], Field(description="The newest 50, the newest first.")]
    taking_part: Annotated[TakingPart | None, Field(description="null where the champion is not followed.")]
    drift: Annotated[
        Drift | None, Field(description="What the answering version was fed in the last week; null if unknown.")
    ]


class Models(Answer):
    """What answers, and what is tried."""

    models: list[ModelDetail]


def past(rollout: Rollout) -> PastRollout:
    """What is told of a rollout without weighing it."""
    return PastRollout(
        id=rollout.rollout_id,
        mode=rollout.mode,
        champion=rollout.champion,
        challenger=rollout.challenger,
        share=rollout.share,
        state=rollout.state,
        begun=NoteDetail.of(rollout.begun),
        ended=None if rollout.ended is None else NoteDetail.of(rollout.ended),
        settled=rollout.settled,
    )


def told_of(views: Sequence[ModelView], monitor: ModelMonitor) -> Models:
    """What is told of models; raises as `ModelMonitor.drift` does, but for versions that it does not know."""
    return Models(models=[_model(view, _drift(view, monitor)) for view in views])


def _drift(view: ModelView, monitor: ModelMonitor) -> Drift | None:
    try:
        return Drift.model_validate(drift_to_dict(monitor.drift(view.name, view.answering)))
    except VersionNotFound:
        return None


def _model(view: ModelView, drift: Drift | None) -> ModelDetail:
    aliases, part = view.aliases, view.taking_part
    return ModelDetail(
        name=view.name,
        answering=view.answering,
        versions=[VersionDetail(version=version, aliases=list(aliases.names_of(version))) for version in view.versions],
        alias_revision=aliases.revision,
        rollout=None if view.rollout is None else RolloutDetail.of(view.rollout),
        rollouts=[past(rollout) for rollout in view.recent],
        taking_part=None
        if part is None
        else TakingPart(
            rollout_id=part.rollout_id,
            dropped_aside=part.dropped_aside,
            dropped_observations=part.dropped_observations,
            error=part.error,
        ),
        drift=drift,
    )
