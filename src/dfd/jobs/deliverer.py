"""One sender: claims a delivery that is due, sends its event, and writes down what came of it.

A sender that dies in between leaves a lease that ends, and the event is sent again: at least once, never not at all.
"""

import logging
from collections.abc import Callable

from dfd.correlation import job_at_hand
from dfd.delivery import Answer, DeliveryState, event_id_of
from dfd.jobs.policy import DeliveryPolicy
from dfd.jobs.telling import event_of
from dfd.ports.deliveries import DeliveryStore, Errand, Notifier
from dfd.ports.observing import Observer
from dfd.tracing import Noted, SpanKind, this_span

_LOG = logging.getLogger(__name__)


class Deliverer:
    """Sends one event at a time. Several may, in several processes."""

    def __init__(
        self,
        store: DeliveryStore,
        notifier: Notifier,
        policy: DeliveryPolicy,
        clock: Callable[[], float],
        draw: Callable[[], float],
        observer: Observer | None = None,
    ) -> None:
        """Put the parts together.

        Args:
            store: the table of deliveries.
            notifier: sends.
            policy: how often, how long, and what links begin with.
            clock: seconds since the epoch.
            draw: evenly from [0, 1), for waits.
            observer: told of every attempt.
        """
        self._store = store
        self._notifier = notifier
        self._policy = policy
        self._clock = clock
        self._draw = draw
        self._observer = observer or Observer()

    def deliver_one(self) -> bool:
        """Claim a delivery and send its event once.

        Returns:
            whether there was one.

        Raises:
            JobStoreUnavailable: none can be claimed now; or one was sent, and is sent again once its lease has ended.
        """
        now_s, policy = self._clock(), self._policy
        errand = self._store.claim(lambda found: found.claimed(now_s, policy.lease_s, policy.patience), now_s)
        if errand is None:
            return False
        if errand.delivery.state is DeliveryState.SENDING:
            with job_at_hand(errand.job.job_id, errand.job.traceparent), this_span("webhook", SpanKind.CLIENT) as noted:
                self._send(errand, now_s, noted)
        else:
            self._observer.webhook_answered(arrived=False, given_up=True)
            _LOG.warning("webhook given up", extra=_named(errand))
        return True

    def _send(self, errand: Errand, now_s: float, noted: Noted) -> None:
        delivery, job = errand.delivery, errand.job
        body = event_of(job, self._policy.public_url)
        answer = self._notifier.notify(job.callback_url or "", event_id_of(job.job_id), body, now_s, job.tenant)
        noted.attributes |= {"dfd.job_id": job.job_id, "dfd.delivery": delivery.number}
        noted.error = None if answer.arrived else answer.error or str(answer.status)
        ended_s, draw = self._clock(), self._draw()
        changed = self._store.change(
            delivery.job_id,
            delivery.number,
            lambda found: found.answered(delivery.attempts, answer, ended_s, self._policy.patience, draw),
        )
        self._observer.webhook_answered(
            arrived=answer.arrived, given_up=changed is not None and changed.state is DeliveryState.FAILED
        )
        state = "lease lost" if changed is None else changed.state.value
        _report(answer, {**_named(errand), "attempt": delivery.attempts, "state": state})


def _named(errand: Errand) -> dict[str, object]:
    """The address stays out of the log: it may hold a secret of its receiver."""
    return {"job_id": errand.delivery.job_id, "delivery": errand.delivery.number}


def _report(answer: Answer, extra: dict[str, object]) -> None:
    level = logging.INFO if answer.arrived else logging.WARNING
    _LOG.log(level, "webhook sent", extra={**extra, "status": answer.status, "error": answer.error})
