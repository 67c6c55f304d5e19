"""Times in tables for people."""

from dfd.jobs.telling import moment


def clock_time(at_s: float | None) -> str:
    """A time in seconds since the epoch, for people: UTC, to the second."""
    told = moment(at_s)
    return "-" if told is None else told.partition(".")[0].replace("T", " ")
