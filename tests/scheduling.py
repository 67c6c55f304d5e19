"""Encoders that take the processor for themselves."""

import os
from collections.abc import Iterator
from contextlib import contextmanager


def scheduling() -> tuple[int, int] | None:
    """Policy and priority of this thread; None where the system, not Linux, does not say."""
    if not hasattr(os, "sched_getscheduler"):
        return None
    return os.sched_getscheduler(0), os.sched_getparam(0).sched_priority


@contextmanager
def scheduled_as_before() -> Iterator[None]:
    """Give back what an encoder did to the scheduling of this thread.

    SVT-AV1 makes the thread that opens it a real-time one wherever it may, as root, and leaves it so. Whatever that
    thread starts from then on, servers too, inherits it: each runs until it waits of its own accord, and two that wait
    for others by spinning hold up two processors for good.
    """
    before = scheduling()
    try:
        yield
    finally:
        if before is not None and before != scheduling():
            policy, priority = before
            os.sched_setscheduler(0, policy, os.sched_param(priority))
