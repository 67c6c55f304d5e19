"""Starting rollouts, ending them, and having the registry follow."""

import logging
import secrets
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace

from dfd.aliases import Alias, Aliases, Note
from dfd.challenge.policy import RolloutPolicy
from dfd.challenge.rollout import Mode, Rollout, RolloutState
from dfd.errors import DfdError, ModelConflict, ModelNotFound
from dfd.ports.registry import ModelRegistry
from dfd.ports.rollouts import RolloutStore
from dfd.rollout.weighing import Weighing, weigh

_LOG = logging.getLogger(__name__)

LabelledOutcomes = Callable[[Collection[str]], Mapping[str, bool]]
"""The truth about files, by SHA-256, where somebody has told it: True for a fake. Others are left out."""

MOST_LISTED = 50
"""Rollouts that are told of, the newest first."""

_TURNS = 5
"""How often a change of aliases is made anew because somebody else was faster; whoever comes by later goes on."""


@dataclass(frozen=True, slots=True)
class RolloutRequest:
    """What is to be tried.

    Attributes:
        name: of the model.
        challenger: version; None for the one that bears the alias.
        mode: see `Mode`.
        share: of the files.
        policy: what decides.
        again: also where this version was rolled back or failed before.
    """

    name: str
    challenger: str | None
    mode: Mode
    share: float
    policy: RolloutPolicy
    again: bool = False


@dataclass(frozen=True, slots=True)
class RolloutStatus:
    """A rollout and what was observed, for whoever wants to see it.

    Attributes:
        rollout: the rollout.
        weighing: figures by arm and guard rails, as they are now; those that an end rests on are in `Rollout.ended`.
    """

    rollout: Rollout
    weighing: Weighing


class RolloutDesk:
    """Where rollouts are started, ended and looked at. Holds no state of its own; safe to use from several threads.

    Every method raises `JobStoreUnavailable` and `RegistryUnavailable` when a part does not answer.
    """

    def __init__(
        self,
        store: RolloutStore,
        registry: ModelRegistry,
        clock: Callable[[], float],
        labelled: LabelledOutcomes | None = None,
    ) -> None:
        """Put the parts together; `clock` gives seconds since the epoch, `labelled` knows the truth of some files."""
        self._store = store
        self._registry = registry
        self._clock = clock
        self._labelled = labelled

    def start(self, request: RolloutRequest, note: Note) -> Rollout:
        """Begin a rollout; the version becomes the challenger. The caller has examined it.

        Where it cannot be made the challenger, nothing goes on: the rollout is ended before the error is raised.

        Raises:
            ModelNotFound: there is no champion, or no challenger.
            ModelConflict: another one runs, this version was sent back before, or others change aliases all the time.
        """
        aliases = self._registry.aliases(request.name)
        challenger = request.challenger or aliases.challenger
        if aliases.champion is None or challenger is None:
            missing = "champion" if aliases.champion is None else "challenger"
            raise ModelNotFound(f"no version of {request.name} is {missing}: `dfd models promote` makes one")
        self._check_fresh(request, challenger)
        rollout = Rollout(
            rollout_id=secrets.token_hex(16),
            name=request.name,
            champion=aliases.champion,
            challenger=challenger,
            mode=request.mode,
            share=request.share,
            salt=secrets.token_hex(8),
            begun=note,
            policy=request.policy,
        )
        self._store.start(rollout)
        if aliases.challenger != challenger:
            try:
                self._move(request.name, lambda seen: _as_challenger(seen, challenger, note))
            except BaseException as error:  # interrupted too: whoever is told that it failed must not find it running
                self._give_up(rollout, note.actor, error)
                raise
        return rollout

    def end(self, rollout: Rollout, state: RolloutState, note: Note) -> Rollout | None:
        """Write an end, which `settle` has the aliases follow; None where somebody else has ended it before."""
        ended = self._store.change(rollout.rollout_id, lambda found: found.ended_as(state, note))
        if ended is not None:
            _LOG.warning("rollout of %s/%s %s: %s", ended.name, ended.challenger, ended.state.value, note.reason)
        return ended

    def settle(self, ended: Rollout) -> Rollout:
        """Have the aliases follow an end. Several may try at once, or again: they move once.

        Raises:
            ModelConflict: others change them all the time; the end is settled by whoever comes by next.
        """
        note = ended.ended
        if note is None:
            raise ValueError("a rollout that runs has no end to follow")
        self._move(ended.name, lambda seen: _after(seen, ended, note))
        return self._store.change(ended.rollout_id, Rollout.followed) or replace(ended, settled=True)

    def settle_all(self, name: str) -> None:
        """Settle every end of a model that is not; what a process left that died in between."""
        for ended in self._store.unsettled(name):
            self.settle(ended)

    def running(self, name: str) -> Rollout | None:
        """The rollout of a model that runs."""
        return next((rollout for rollout in self._store.recent(name, 1) if rollout.running), None)

    def is_promoted(self, rollout: Rollout) -> bool:
        """Whether the newest rollout of the model is this one, and its challenger was to be champion."""
        return any(
            newest.rollout_id == rollout.rollout_id and newest.state is RolloutState.PROMOTED
            for newest in self._store.recent(rollout.name, 1)
        )

    def recent(self, name: str) -> list[Rollout]:
        """The newest rollouts of a model, the newest first."""
        return self._store.recent(name, MOST_LISTED)

    def status(self, name: str) -> RolloutStatus | None:
        """The newest rollout of a model; None where there never was one."""
        newest = self._store.recent(name, 1)
        return RolloutStatus(newest[0], self.weighed(newest[0])) if newest else None

    def weighed(self, rollout: Rollout) -> Weighing:
        """What is known of a rollout now."""
        observations = self._store.observations(rollout.rollout_id)
        labels = self._labelled({each.input_sha256 for each in observations}) if self._labelled is not None else None
        return weigh(rollout, observations, self._clock(), labels)

    def count(self, rollout: Rollout) -> int:
        """How many observations of a rollout there are."""
        return self._store.count(rollout.rollout_id)

    def champion_of(self, name: str) -> str | None:
        """The version that bears the alias."""
        return self._registry.aliases(name).champion

    def load(self, name: str, version: str) -> None:
        """See that a version is there and whole.

        Raises:
            ModelNotFound, ModelCorrupt: it is not.
        """
        self._registry.load(name, version)

    def _give_up(self, rollout: Rollout, actor: str, error: BaseException) -> None:
        """End a rollout whose version could not be made the challenger."""
        said = f"version {rollout.challenger} was not made the challenger: {str(error) or type(error).__name__}"
        ended = self.end(rollout, RolloutState.STOPPED, Note(self._clock(), actor, said))
        if ended is not None:
            with suppress(DfdError):  # whoever comes by later settles it
                self.settle(ended)

    def _check_fresh(self, request: RolloutRequest, challenger: str) -> None:
        """Refuse what was sent back before.

        Raises:
            ModelConflict: it was.
        """
        sent_back = (RolloutState.ROLLED_BACK, RolloutState.FAILED)
        for rollout in self.recent(request.name):
            if not request.again and rollout.challenger == challenger and rollout.state in sent_back:
                said = "" if rollout.ended is None else f" ({rollout.ended.reason})"
                raise ModelConflict(
                    f"version {challenger} of {request.name} was {rollout.state.value} before{said}; "
                    "--again tries it once more"
                )

    def _move(self, name: str, change: Callable[[Aliases], Aliases | None]) -> None:
        """Change aliases as they are, whoever changes them meanwhile; nothing where `change` has nothing to do."""
        for turn in range(_TURNS):
            changed = change(self._registry.aliases(name))
            if changed is None:
                return
            try:
                self._registry.store_aliases(name, changed)
            except ModelConflict:
                if turn == _TURNS - 1:
                    raise
            else:
                return


def _as_challenger(seen: Aliases, version: str, note: Note) -> Aliases | None:
    return None if version in (seen.champion, seen.challenger) else seen.promoted(version, Alias.CHALLENGER, note)


def _after(seen: Aliases, ended: Rollout, note: Note) -> Aliases | None:
    """The aliases once an end is followed; None where they are as they should be, or somebody else has moved them."""
    if ended.state is RolloutState.PROMOTED:
        if seen.champion != ended.champion:
            return None
        return seen.promoted(ended.challenger, Alias.CHAMPION, note)
    return seen.withdrawn(note) if seen.challenger == ended.challenger else None
