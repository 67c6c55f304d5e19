"""``dfd models rollout``: trying a version on live traffic."""

import json
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dfd.aliases import Note
from dfd.bootstrap.jobs import build_job_parts
from dfd.bootstrap.registry import build_registry, examiner
from dfd.challenge.policy import RolloutPolicy
from dfd.challenge.rollout import Mode, Rollout, RolloutState
from dfd.cli.exits import ExitCode
from dfd.cli.models import Row, write_lines, write_table
from dfd.cli.models_changes import actor_of
from dfd.errors import InvalidParameter, ModelConflict, ModelNotFound
from dfd.ports.registry import ModelRegistry
from dfd.rollout.desk import RolloutDesk, RolloutRequest, RolloutStatus
from dfd.settings import Settings, load_settings


@dataclass(frozen=True, slots=True)
class Trying:
    """What is to be tried.

    Attributes:
        name: of the model.
        version: None for the challenger.
        mode: as `Mode`.
        share: of the files.
        policy: JSON file with what differs from the default policy.
        again: also where it was sent back before.
    """

    name: str
    version: str | None
    mode: str
    share: float
    policy: Path | None
    again: bool


def start(trying: Trying, reason: str, actor: str | None, as_json: bool) -> ExitCode:
    """Examine a version, and try it.

    Args:
        trying: what.
        reason: why.
        actor: who; None for the user of the system.
        as_json: write JSON.

    Raises:
        ModelNotFound: there is no champion, no challenger, or no such version.
        ModelCorrupt: the version does not hold; nothing is changed.
        ModelConflict: another rollout runs, or the version was sent back before.
        InvalidParameter: the share or the policy does not hold.
        ConfigurationError, RegistryUnavailable, JobStoreUnavailable: a part cannot be used.
    """
    settings = load_settings()
    name = trying.name
    policy = _policy(trying.policy)
    request = RolloutRequest(name, trying.version, Mode(trying.mode), trying.share, policy, trying.again)
    with _desk(settings, name) as (desk, registry):
        challenger = registry.resolve(name, trying.version or "challenger")
        examiner(settings)(registry.load(name, challenger))
        begun = desk.start(replace(request, challenger=challenger), Note(time.time(), actor_of(actor), reason))
    if as_json:
        write_lines([_row(begun)])
        return ExitCode.DONE
    what = "answers" if begun.mode is Mode.CANARY else "scores aside"
    sys.stdout.write(
        f"{name}/{begun.challenger} {what} {begun.share:.4g} of the files from now on, beside version {begun.champion} "
        f"(rollout {begun.rollout_id})\n"
    )
    return ExitCode.DONE


def status(name: str, as_json: bool) -> ExitCode:
    """Write how the newest rollout goes, and which there were.

    Raises:
        ModelNotFound: there never was one.
        ConfigurationError, RegistryUnavailable, JobStoreUnavailable: a part cannot be used.
    """
    with _desk(load_settings(), name) as (desk, _):
        found = desk.status(name)
        recent = desk.recent(name)
    if found is None:
        raise ModelNotFound(f"there was no rollout of {name}: `dfd models rollout start` begins one")
    if as_json:
        write_lines([_row(found.rollout) | {"figures": found.weighing.figures, "rails": _rails(found)}])
        write_lines([_row(rollout) for rollout in recent if rollout.rollout_id != found.rollout.rollout_id])
        return ExitCode.DONE
    _write_status(found)
    cells = [
        (_at(one.begun), f"{one.mode.value} {one.champion} -> {one.challenger}", one.state.value, *_ending(one))
        for one in recent
    ]
    write_table(("begun (UTC)", "rollout", "state", "ended (UTC)", "by", "reason"), cells)
    return ExitCode.DONE


def end(name: str, promotes: bool, reason: str, actor: str | None, as_json: bool) -> ExitCode:
    """End the rollout that runs, by hand: the challenger becomes champion, or leaves.

    Raises:
        ModelConflict: none runs, or it ended meanwhile.
        ModelNotFound, ModelCorrupt: the challenger is not fit to be promoted; nothing is changed.
        ConfigurationError, RegistryUnavailable, JobStoreUnavailable: a part cannot be used.
    """
    settings = load_settings()
    with _desk(settings, name) as (desk, registry):
        running = desk.running(name)
        if running is None:
            raise ModelConflict(f"no rollout of {name} is running")
        if promotes:
            examiner(settings)(registry.load(name, running.challenger))
        figures = desk.weighed(running).figures
        state = RolloutState.PROMOTED if promotes else RolloutState.STOPPED
        ended = desk.end(running, state, Note(time.time(), actor_of(actor), reason, figures))
        if ended is None:
            raise ModelConflict(
                f"the rollout of {name} has ended meanwhile: look at `dfd models rollout status {name}`"
            )
        ended = desk.settle(ended)
    if as_json:
        write_lines([_row(ended)])
    else:
        answers = ended.challenger if promotes else ended.champion
        sys.stdout.write(f"the rollout of {name}/{ended.challenger} is {state.value}: version {answers} answers\n")
    return ExitCode.DONE


@contextmanager
def _desk(settings: Settings, name: str) -> Iterator[tuple[RolloutDesk, ModelRegistry]]:
    parts = build_job_parts(settings)
    try:
        registry = build_registry(settings)
        yield RolloutDesk(parts.rollouts, registry, parts.clock, parts.truths(name)), registry
    finally:
        parts.store.close()


def _policy(path: Path | None) -> RolloutPolicy:
    if path is None:
        return RolloutPolicy()
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidParameter(f"the policy {path} cannot be read: {error}") from error
    if not isinstance(data, dict):
        raise InvalidParameter(f"the policy {path} is no JSON object")
    return RolloutPolicy.from_dict(data)


def _row(rollout: Rollout) -> Row:
    row: dict[str, Any] = rollout.to_dict()
    for key, note in (("begun", rollout.begun), ("ended", rollout.ended)):
        row[key] = None if note is None else {**row[key], "at": _at(note)}
    return row


def _rails(found: RolloutStatus) -> list[Mapping[str, Any]]:
    return [
        {"name": rail.name, "value": rail.value, "limit": rail.limit, "standing": rail.standing.value}
        for rail in found.weighing.rails
    ]


def _write_status(found: RolloutStatus) -> None:
    rollout, weighing = found.rollout, found.weighing
    heading = f"{rollout.name}: {rollout.mode.value}, share {rollout.share:.4g}, {rollout.state.value}"
    write_table(
        (heading, "champion", "challenger"),
        [
            ("version", rollout.champion, rollout.challenger),
            *(
                (label, *(_number(getattr(its, attribute)) for its in weighing.arms.values()))
                for label, attribute in _FIGURES.items()
            ),
        ],
    )
    cells = [
        (rail.name, _number(rail.value), _number(rail.limit), str(rail.compared), rail.standing.value)
        for rail in weighing.rails
    ]
    write_table(("guard rail", "value", "limit", "compared", "stands"), cells)


_FIGURES = {
    "files": "observations",
    "errors": "errors",
    "inconclusive": "inconclusive",
    "mean score": "mean_score",
    "median ms a face": "median_latency_ms",
    "Brier score": "brier",
}


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


def _at(note: Note) -> str:
    return datetime.fromtimestamp(note.at_s, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _ending(rollout: Rollout) -> tuple[str, str, str]:
    ended = rollout.ended
    if ended is None:
        return "-", rollout.begun.actor, rollout.begun.reason
    return _at(ended), ended.actor, ended.reason + ("" if rollout.settled else " (aliases to follow)")
