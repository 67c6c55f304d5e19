"""Keeps a process at the rollout that the table tells of, and decides by its policy. Every process runs one.

Two that decide at once write one decision (`dfd.rollout.desk`). Whatever fails here, the champion answers.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from dfd.aliases import Note
from dfd.challenge.rollout import Rollout, RolloutState
from dfd.errors import DfdError, ModelCorrupt, ModelError, ModelNotFound, Unavailable
from dfd.rollout.asides import Recorder, SideScorer
from dfd.rollout.desk import RolloutDesk
from dfd.rollout.follower import RETRY_S
from dfd.rollout.live import LiveModel, LoadedModel
from dfd.rollout.trial import Trial
from dfd.rollout.weighing import Decision

_LOG = logging.getLogger(__name__)

ACTOR: Final = "dfd rollout"
"""Who decides, for the audit log, where nobody did by hand."""

_LEAST_PAUSE_S: Final = 0.2
_REST: Final = 10
"""Looking takes at most one part in so many of a processor's time, and half of the database's where it is slow."""


@dataclass(frozen=True, slots=True)
class KeeperState:
    """How a process takes part.

    Attributes:
        rollout_id: of the rollout that its traffic goes through; None for none.
        dropped_aside: files that found no place to be scored aside.
        dropped_observations: observations that found no place to wait for the database.
        error: code of what keeps it from looking; None where nothing does.
    """

    rollout_id: str | None
    dropped_aside: int
    dropped_observations: int
    error: str | None


class RolloutKeeper:
    """Routes, observes and decides, by looking every few seconds and whenever something was observed."""

    def __init__(
        self,
        live: LiveModel,
        desk: RolloutDesk,
        write: Callable[..., object],
        load: Callable[[str], LoadedModel],
        moved: Callable[[], None],
        poll_s: float,
        clock: Callable[[], float],
    ) -> None:
        """Put the parts together; nothing runs yet.

        Args:
            live: whose traffic is routed.
            desk: starts and ends rollouts.
            write: keeps observations; see `dfd.ports.rollouts.RolloutStore.observe`.
            load: makes a version ready to answer; raises `DfdError`.
            moved: called once the champion was moved here.
            poll_s: seconds between two looks while nothing is observed.
            clock: seconds since the epoch.
        """
        self._live = live
        self._name = live.current.manifest.name
        self._desk = desk
        self._load = load
        self._moved = moved
        self._poll_s = poll_s
        self._clock = clock
        self._recorder = Recorder(write, self._wake)
        self._aside = SideScorer(self._recorder, clock)
        self._trial: Trial | None = None
        self._weighed: tuple[str, int, tuple[bool, bool]] | None = None  # what the last weighing rested on
        self._told: str | None = None  # the rollout of whose promotion the follower was told
        self._error: str | None = None
        self._not_before_s = 0.0  # when to load again after a registry or a model server was away
        self._bell = threading.Event()
        self._leaving = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def state(self) -> KeeperState:
        """How this process takes part."""
        trial = self._trial
        return KeeperState(
            None if trial is None else trial.rollout.rollout_id,
            self._aside.dropped,
            self._recorder.dropped,
            self._error,
        )

    def start(self) -> None:
        """Begin to look, in a thread."""
        self._leaving.clear()
        self._recorder.start()
        self._aside.start()
        self._thread = threading.Thread(target=self._run, name="dfd-rollout", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Take no part any more; what was observed is written down."""
        self._leaving.set()
        self._bell.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self._route(None)
        self._aside.stop()
        self._recorder.stop()

    def look(self) -> None:
        """Look once: take up or leave a rollout, and decide where a decision is due."""
        try:
            self._look()
            self._error = None
        except Exception as error:  # noqa: BLE001 - the edge of a thread: the champion answers, and the next look may do
            code = error.code if isinstance(error, DfdError) else DfdError.code
            if code != self._error:  # said once
                known = isinstance(error, Unavailable | ModelError)
                _LOG.log(
                    logging.WARNING if known else logging.ERROR,
                    "rollouts of %s stand still: %s", self._name, error, exc_info=None if known else error,
                )  # fmt: skip
            self._error = code

    def _look(self) -> None:
        running = self._desk.running(self._name)
        if running is None:
            self._leave()
            self._desk.settle_all(self._name)
            return
        if not self._is_about_the_champion(running) or not self._take_up(running):
            return
        self._decide(running)

    def _is_about_the_champion(self, running: Rollout) -> bool:
        """A champion that somebody has moved ends the rollout: its figures are about another one."""
        champion = self._desk.champion_of(self._name)
        if champion == running.champion:
            return True
        said = f"the champion is {champion or 'none'} by now, not version {running.champion}"
        self._end(running, Decision(RolloutState.STOPPED, said))
        return False

    def _take_up(self, running: Rollout) -> bool:
        """Have the challenger ready; one that is missing or damaged ends the rollout everywhere."""
        if self._trial is not None and self._trial.rollout.rollout_id == running.rollout_id:
            return True
        self._route(None)
        if self._clock() < self._not_before_s:
            return False
        self._not_before_s = self._clock() + RETRY_S
        try:
            challenger = self._load(running.challenger)
        except (ModelNotFound, ModelCorrupt) as error:
            self._end(running, Decision(RolloutState.FAILED, f"it cannot be loaded ({error.code}): {error}"))
            return False
        self._not_before_s = 0.0
        self._route(Trial(running, challenger, self._recorder, self._aside, self._clock))
        _LOG.info("%s of %s/%s begins here", running.mode.value, running.name, running.challenger)
        return True

    def _decide(self, running: Rollout) -> None:
        passed_s = self._clock() - running.begun.at_s
        due = passed_s >= running.policy.min_time_s, passed_s >= running.policy.max_time_s
        seen = (running.rollout_id, self._desk.count(running), due)
        if seen == self._weighed:
            return
        weighing = self._desk.weighed(running)
        self._weighed = seen
        decision = weighing.decision
        if decision is None:
            return
        if decision.state is RolloutState.PROMOTED:
            decision = self._still_there(running) or decision
        self._end(running, decision, weighing.figures)

    def _still_there(self, running: Rollout) -> Decision | None:
        """What to do in place of promoting a version whose files are gone or damaged, though it answers from memory."""
        try:
            self._desk.load(self._name, running.challenger)
        except (ModelNotFound, ModelCorrupt) as error:
            return Decision(RolloutState.FAILED, f"its files do not hold any more ({error.code}): {error}")
        return None

    def _end(self, running: Rollout, decision: Decision, figures: dict[str, float] | None = None) -> None:
        ended = self._desk.end(running, decision.state, Note(self._clock(), ACTOR, decision.reason, figures or {}))
        if decision.state is not RolloutState.PROMOTED:
            self._route(None)  # before the aliases follow, which may fail and be done by others
        if ended is not None:
            self._desk.settle(ended)
        self._leave()

    def _leave(self) -> None:
        """Let the champion answer; after a promotion only once the follower has changed over."""
        trial = self._trial
        if trial is None:
            return
        rollout = trial.rollout
        if not trial.concerns(self._live.current) or not self._desk.is_promoted(rollout):
            self._route(None)
        elif self._told != rollout.rollout_id and self._desk.champion_of(self._name) == rollout.challenger:
            self._told = rollout.rollout_id
            self._moved()

    def _route(self, trial: Trial | None) -> None:
        self._trial = trial
        self._live.route(trial)

    def _wake(self) -> None:
        self._bell.set()

    def _run(self) -> None:
        while not self._leaving.is_set():
            begun_s, worked_s = time.monotonic(), time.thread_time()
            self.look()
            # A busy machine makes looking long, not dear: a bad challenger must not answer for longer because of load.
            passed_s, work_s = time.monotonic() - begun_s, time.thread_time() - worked_s
            self._leaving.wait(max(_LEAST_PAUSE_S, passed_s, _REST * work_s))
            self._bell.wait(self._poll_s)
            self._bell.clear()
