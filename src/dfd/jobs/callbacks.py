"""Telling callers of the end of their jobs: what is refused, what became of it, and sending it again."""

from collections.abc import Callable, Sequence
from typing import Final

from dfd.delivery import Delivery
from dfd.errors import CallbackRefused, DeliveryConflict, DeliveryNotFound, JobNotFound
from dfd.jobs.desk import JobDesk
from dfd.ports.deliveries import DeliveryStore, Notifier

MOST_DELIVERIES: Final = 50
"""Deliveries of one job at most, the first included."""


class CallbackDesk:
    """Where callers ask to be told, and what they were told. Safe to use from several threads."""

    def __init__(
        self,
        deliveries: DeliveryStore,
        jobs: JobDesk,
        notifier: Notifier | None,
        clock: Callable[[], float],
    ) -> None:
        """Put the parts together.

        Args:
            deliveries: the table of deliveries.
            jobs: knows the jobs; those that it does not know are not told of.
            notifier: sends; None where the operator has set up no sending.
            clock: seconds since the epoch.
        """
        self._deliveries = deliveries
        self._jobs = jobs
        self._notifier = notifier
        self._clock = clock

    def of(self, tenant: str) -> "CallbackDesk":
        """The same desk, for one tenant."""
        return CallbackDesk(self._deliveries, self._jobs.of(tenant), self._notifier, self._clock)

    def check(self, url: str) -> None:
        """Refuse an address that could never be told of anything. Waits for nothing.

        Raises:
            CallbackRefused: with the reason.
        """
        self._sending().check(url)

    def of_job(self, job_id: str) -> list[Delivery]:
        """What the caller of a job was told, or is to be told; nothing before the job's end.

        Raises:
            JobNotFound: there is no such job.
        """
        self._jobs.get(job_id)
        return self._deliveries.of_job(job_id)

    def replay(self, job_id: str, number: int) -> Delivery:
        """Send the event of a job again, as another delivery.

        Args:
            job_id: which job.
            number: of the delivery that is to be repeated.

        Raises:
            CallbackRefused: nothing is sent here.
            JobNotFound, DeliveryNotFound: there is no such job or delivery.
            DeliveryConflict: the event is on its way already, or was sent too often.
        """
        self._sending()
        self._jobs.get(job_id)

        def make(known: Sequence[Delivery]) -> Delivery:
            wanted = next((delivery for delivery in known if delivery.number == number), None)
            if wanted is None:
                raise DeliveryNotFound(f"the job has no delivery {number}")
            if not all(delivery.over for delivery in known):
                raise DeliveryConflict("the event is on its way already")
            if len(known) >= MOST_DELIVERIES:
                raise DeliveryConflict(f"the event was sent {MOST_DELIVERIES} times, which is the most")
            return wanted.again(known[-1].number + 1, self._clock())

        made = self._deliveries.add(job_id, make)
        if made is None:
            raise _no_job(job_id)
        return made

    def _sending(self) -> Notifier:
        if self._notifier is None:
            raise CallbackRefused("callback_url: this service sends no webhooks; its operator must set WEBHOOK_SECRET")
        return self._notifier


def _no_job(job_id: str) -> JobNotFound:
    return JobNotFound(f"there is no job {job_id!r}, or it is no longer kept")
