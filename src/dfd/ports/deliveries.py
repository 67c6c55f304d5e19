"""The protocols between deliveries of webhooks and the world."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dfd.caller import DEFAULT_TENANT
from dfd.delivery import Answer, Delivery
from dfd.job import Job

DeliveryTransition = Callable[[Delivery], Delivery | None]
"""A change of a delivery (see `dfd.delivery`), or None where it is in no state for it. May be called more than once."""


@dataclass(frozen=True, slots=True)
class Errand:
    """A delivery and the job it tells of."""

    delivery: Delivery
    job: Job


class DeliveryStore(ABC):
    """The table of deliveries, beside the table of jobs. Safe to call from several threads and processes.

    `dfd.ports.JobStore` writes the first delivery of a job together with the job's end; all of them go with the job.
    Every method raises `JobStoreUnavailable` when the table does not answer.
    """

    @abstractmethod
    def claim(self, transition: DeliveryTransition, now_s: float) -> Errand | None:
        """Change the delivery that is due for longest; None where none is. None is claimed twice."""

    @abstractmethod
    def change(self, job_id: str, number: int, transition: DeliveryTransition) -> Delivery | None:
        """Apply a transition to a delivery while nobody else can change it; None where it said no, or there is none."""

    @abstractmethod
    def of_job(self, job_id: str) -> list[Delivery]:
        """The deliveries of a job, in order of their numbers."""

    @abstractmethod
    def add(self, job_id: str, make: Callable[[Sequence[Delivery]], Delivery]) -> Delivery | None:
        """Add a delivery to those of a job, while nobody else can.

        Args:
            job_id: which job.
            make: makes it from those there are, or raises what then comes out of here. May be called more than once.

        Returns:
            the new one; None where there is no such job.
        """


class Notifier(ABC):
    """Sends events to addresses that strangers chose. Safe to call from several threads."""

    @abstractmethod
    def check(self, url: str) -> None:
        """Refuse at once an address that would never be sent to. Resolves no name.

        Raises:
            CallbackRefused: with the reason.
        """

    @abstractmethod
    def notify(self, url: str, event_id: str, body: bytes, now_s: float, tenant: str = DEFAULT_TENANT) -> Answer:
        """Send an event once, signed; never raises on account of the receiver.

        Args:
            url: where to.
            event_id: its name, by which a receiver knows it again.
            body: JSON.
            now_s: seconds since the epoch.
            tenant: whose event it is.
        """
