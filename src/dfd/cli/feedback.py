"""``dfd jobs feedback`` and ``dfd jobs reviews``: what people say of videos, and which ones are worth a look."""

import json
import sys
from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from dfd.audit import Action
from dfd.bootstrap.access import build_trail
from dfd.cli.clock import clock_time
from dfd.cli.exits import ExitCode, printable
from dfd.cli.jobs import opened_parts
from dfd.cli.tables import rendered
from dfd.feedback import Feedback, Label, Review
from dfd.jobs.feedback import feedback_to_dict, review_to_dict


def feedback(job_id: str, label: str | None, note: str | None, reviewer: str | None, as_json: bool) -> ExitCode:
    """Say what the video of a job is, or, without a label, write what was said to stdout.

    Raises:
        ConfigurationError: the settings do not hold.
        InvalidParameter: the note or the reviewer is too long or blank.
        JobNotFound: there is no such job.
        ReportNotReady, JobConflict: it takes no feedback.
        JobStoreUnavailable: the database does not answer.
    """
    with opened_parts() as parts:
        desk = parts.feedback_desk()
        given = desk.of_job(job_id) if label is None else [desk.give(job_id, Label(label), note, reviewer)]
        if label is not None:
            tenant = parts.desk().get(job_id).tenant
            build_trail(parts).operator_did(Action.FEEDBACK_GIVEN, job_id, tenant, label=label)
    if as_json:
        sys.stdout.writelines(json.dumps(feedback_to_dict(one)) + "\n" for one in given)
    elif label is not None:
        sys.stdout.write(f"{job_id} is {label}; the verdict was {given[0].evidence.verdict}\n")
    elif given:
        sys.stdout.write(rendered(_history(given)))
    return ExitCode.DONE


def reviews(limit: int, as_json: bool) -> ExitCode:
    """Write the jobs most worth a look to stdout; raises as `feedback` does."""
    with opened_parts() as parts:
        found, _ = parts.feedback_desk().reviews(limit)
    if as_json:
        sys.stdout.writelines(json.dumps(review_to_dict(review)) + "\n" for review in found)
    elif found:
        sys.stdout.write(rendered(_queue(found)))
    return ExitCode.DONE


def _history(given: Sequence[Feedback]) -> Table:
    headings = ("label", "at", "by", "note", "verdict", "fake")
    rows = [
        (
            one.label.value,
            clock_time(one.created_at_s),
            one.reviewer or "-",
            one.note or "-",
            one.evidence.verdict,
            _probability(one.evidence.fake_probability),
        )
        for one in given
    ]
    return _table(headings, rows)


def _queue(found: Sequence[Review]) -> Table:
    headings = ("id", "reasons", "verdict", "fake", "threshold", "label", "external id")
    rows = [
        (
            review.job.job_id,
            ", ".join(review.reasons),
            review.job.verdict or "-",
            _probability(review.job.fake_probability),
            _probability(review.job.threshold),
            review.label or "-",
            review.job.external_id or "-",
        )
        for review in found
    ]
    return _table(headings, rows)


def _probability(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    table = Table()
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))  # a caller's words are no markup
    return table
