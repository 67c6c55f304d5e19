"""Any order of events, on any table of jobs: no job ends twice, none comes back, and all come to an end.

A state machine of Hypothesis; a test subclasses `JobMachine`, says which table, and takes its ``TestCase``.
"""

from collections import Counter
from collections.abc import Callable

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from tests.fakes import make_job

from dfd.delivery import Delivery
from dfd.job import ENDED, Job, JobFailure, JobState, Retry
from dfd.ports import JobStore, Transition

LEASE_S = 30.0
RETRY = Retry(max_attempts=3, first_delay_s=2.0, longest_delay_s=5.0)
AWAY = JobFailure("backend_unavailable", "the model does not answer")


class JobMachine(RuleBasedStateMachine):
    """Workers that claim, beat, finish, fail, stop, die and wake up late; callers who cancel; a sweeper; and time."""

    def __init__(self) -> None:
        super().__init__()
        self.store = self.make_store()
        self.ends: Counter[str] = Counter()
        self.now_s = 100.0
        self.held: list[Job] = []  # every claim ever made, dead holders' too
        self.added = 0

    def make_store(self) -> JobStore:
        """An empty table."""
        raise NotImplementedError

    def deliveries_of(self, job_id: str) -> list[Delivery]:
        """What the table says is owed for a job."""
        raise NotImplementedError

    def _change(self, job_id: str, transition: Transition, report: str | None = None) -> None:
        """Change a job; an ended one declines, so each ended job that comes back is an end."""
        changed = self.store.change(job_id, transition, report)
        if changed is not None and changed.ended:
            self.ends[job_id] += 1

    @rule(
        priority=st.integers(-2, 2),
        patience_s=st.none() | st.integers(1, 50),
        callback_url=st.sampled_from([None, "https://a.example/"]),
    )
    def submit(self, priority: int, patience_s: int | None, callback_url: str | None) -> None:
        self.added += 1
        expires_at_s = None if patience_s is None else self.now_s + patience_s
        job = make_job(f"job-{self.added}", priority=priority, expires_at_s=expires_at_s, callback_url=callback_url)
        self.store.add([job])

    @rule(passed_s=st.floats(0.1, 40.0))
    def time_passes(self, passed_s: float) -> None:
        self.now_s += passed_s

    @rule()
    def claim(self) -> None:
        job = self.store.claim(lambda job: job.claimed("worker", self.now_s, LEASE_S), self.now_s)
        if job is not None:
            self.held.append(job)

    @precondition(lambda self: self.held)
    @rule(data=st.data(), act=st.sampled_from(["beat", "succeed", "fail", "set_back", "give_back", "stop"]))
    def a_holder_acts(self, data: st.DataObject, act: str) -> None:
        job = data.draw(st.sampled_from(self.held))
        claim, now_s = job.claims, self.now_s
        transitions: dict[str, Callable[[Job], Job | None]] = {
            "beat": lambda found: found.renewed(claim, now_s, LEASE_S, 1, 2),
            "succeed": lambda found: found.succeeded(claim, now_s, "fake", 0.9, "key", frames=10),
            "fail": lambda found: found.failed(claim, now_s, AWAY),
            "set_back": lambda found: found.set_back(claim, now_s, AWAY, RETRY),
            "give_back": lambda found: found.given_back(claim, now_s),
            "stop": lambda found: found.stopped(claim, now_s),
        }
        self._change(job.job_id, transitions[act], report="{}")

    @precondition(lambda self: self.added)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        number = data.draw(st.integers(1, self.added))
        self._change(f"job-{number}", lambda job: job.cancelled(self.now_s))

    @rule()
    def sweep(self) -> None:
        for job in self.store.to_sweep(self.now_s, 100):
            self._change(job.job_id, lambda found: found.swept(self.now_s, RETRY))

    @invariant()
    def every_job_ended_at_most_once(self) -> None:
        for job in self._all():
            assert self.ends[job.job_id] == (job.state in ENDED)
            assert (job.finished_at_s is None) == (not job.ended)
            assert (self.store.report(job.job_id) is not None) == (job.state is JobState.SUCCEEDED)
            assert (job.lease_expires_at_s is not None) == (job.state is JobState.RUNNING)
            owed = [delivery.created_at_s for delivery in self.deliveries_of(job.job_id)]
            assert owed == ([job.finished_at_s] if job.ended and job.callback_url else [])
            assert 0 <= job.attempts <= RETRY.max_attempts

    def _success_of(self, claim: int) -> Callable[[Job], Job | None]:
        return lambda job: job.succeeded(claim, self.now_s, "real", 0.1, "key", frames=10)

    def _all(self) -> list[Job]:
        return [job for number in range(1, self.added + 1) if (job := self.store.get(f"job-{number}")) is not None]

    def teardown(self) -> None:
        """Whatever happened: with workers that work and a sweeper that sweeps, everything comes to an end."""
        for _ in range(RETRY.max_attempts * (self.added + 1)):
            self.now_s += 2 * LEASE_S
            self.sweep()
            while job := self.store.claim(lambda job: job.claimed("worker", self.now_s, LEASE_S), self.now_s):
                self._change(job.job_id, self._success_of(job.claims), "{}")
        assert all(self.ends[job.job_id] == 1 for job in self._all())
