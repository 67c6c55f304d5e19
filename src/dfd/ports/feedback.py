"""The protocols between feedback, what is counted of analyses, and the database."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from dfd.feedback import Feedback, Review, ReviewPlace


@dataclass(frozen=True, slots=True)
class FeedbackFilter:
    """Which feedback is wanted: that on a model, and of all that is not None.

    Attributes:
        model_name: the model.
        model_version: the version that answered.
        weights_sha256: the weights that answered, whatever the version.
    """

    model_name: str
    model_version: str | None = None
    weights_sha256: str | None = None


class FeedbackStore(ABC):
    """The table of feedback, beside the table of jobs. Safe to call from several threads and processes.

    `dfd.ports.JobStore.remove_ended` removes, with a job and in the same transaction, all of its feedback but the
    latest, of which the label and the numbers stay (`Feedback.without_words`). Every method raises
    `JobStoreUnavailable` when the table does not answer.
    """

    @abstractmethod
    def add(self, job_id: str, make: Callable[[Sequence[Feedback]], Feedback]) -> Feedback | None:
        """Add feedback to that on a job, while nobody else can.

        Args:
            job_id: which job.
            make: makes it from what there is, or raises what then comes out of here. May be called more than once.

        Returns:
            the new one with its number; None where there is no such job.
        """

    @abstractmethod
    def of_job(self, job_id: str) -> list[Feedback]:
        """All feedback on a job, the first first."""

    @abstractmethod
    def latest(self, wanted: FeedbackFilter, limit: int) -> list[Feedback]:
        """The latest feedback on each job, also on those that are gone, the newest first, at most `limit`."""

    @abstractmethod
    def reviews(self, limit: int, after: ReviewPlace | None = None, tenant: str | None = None) -> list[Review]:
        """The jobs most worth a look (`Review.reasons`), in the order of their places, at most `limit`.

        Args:
            limit: most jobs.
            after: only those that stand behind this place.
            tenant: only jobs of this one.

        Returns:
            succeeded jobs; one that was answered from another job's report is left to that job.
        """

    @abstractmethod
    def forget(self, before_s: float, limit: int) -> int:
        """Remove feedback on jobs that are gone, given before this time; how much there was."""


@dataclass(frozen=True, slots=True)
class Tally:
    """What is counted together.

    Attributes:
        model_name: the model that answered.
        model_version: of it.
        measure: what was measured (`dfd.histograms.SCORE` and `dfd.types.QUALITY_MEASURES`).
        binning: short name of the bins' edges, so that counts of other bins are never added up.
    """

    model_name: str
    model_version: str
    measure: str
    binning: str


class TallyStore(ABC):
    """Counts of analyses by hour, measure and bin, over all processes that share it. Safe to call from several threads.

    Every method raises `JobStoreUnavailable` when the table does not answer.
    """

    @abstractmethod
    def count(self, hour: int, found: Mapping[Tally, int]) -> None:
        """Count one more analysis.

        Args:
            hour: since the epoch.
            found: the bin of each measure, from 0.
        """

    @abstractmethod
    def counts(self, tally: Tally, from_hour: int, to_hour: int) -> dict[int, int]:
        """How often each bin was counted from the first to the last hour; a bin without a count is left out."""

    @abstractmethod
    def forget_hours(self, before_hour: int) -> None:
        """Forget the counts of earlier hours."""
