"""`DeliveryStore` in the database of jobs, so that a job's end and what is owed for it are one transaction."""

import json
from collections.abc import Callable, Sequence
from dataclasses import astuple
from typing import Any

from sqlalchemy import Connection, RowMapping, and_, insert, select, update

from dfd.delivery import Attempt, Delivery, DeliveryState, first_delivery
from dfd.job import Job
from dfd.job_store.database import Database
from dfd.job_store.rows import to_job
from dfd.job_store.schema import DELIVERIES, JOBS
from dfd.ports.deliveries import DeliveryStore, DeliveryTransition, Errand


class SqlDeliveryStore(DeliveryStore):
    """The table of deliveries; locks rows as `dfd.job_store.sql.SqlJobStore` does."""

    def __init__(self, database: Database) -> None:
        """Use a database whose tables are there."""
        self._database = database

    def claim(self, transition: DeliveryTransition, now_s: float) -> Errand | None:
        due = (
            select(DELIVERIES).where(DELIVERIES.c.due_at_s <= now_s).order_by(DELIVERIES.c.due_at_s).limit(1)
        )  # what is over is not due
        with self._database.reading() as connection:
            if connection.execute(due).first() is None:  # an idle sender takes no write lock
                return None
        with self._database.writing() as connection:
            row = connection.execute(due.with_for_update(skip_locked=True)).mappings().first()
            changed = None if row is None else _changed(connection, row, transition)
            if changed is None:
                return None
            job = connection.execute(select(JOBS).where(JOBS.c.job_id == changed.job_id)).mappings().one()
            return Errand(changed, to_job(job))

    def change(self, job_id: str, number: int, transition: DeliveryTransition) -> Delivery | None:
        this_one = select(DELIVERIES).where(DELIVERIES.c.job_id == job_id, DELIVERIES.c.number == number)
        with self._database.writing() as connection:
            row = connection.execute(this_one.with_for_update()).mappings().first()
            return None if row is None else _changed(connection, row, transition)

    def of_job(self, job_id: str) -> list[Delivery]:
        with self._database.reading() as connection:
            return _of_job(connection, job_id)

    def add(self, job_id: str, make: Callable[[Sequence[Delivery]], Delivery]) -> Delivery | None:
        with self._database.writing() as connection:
            job = connection.execute(select(JOBS.c.job_id).where(JOBS.c.job_id == job_id).with_for_update()).first()
            if job is None:
                return None
            made = make(_of_job(connection, job_id))
            connection.execute(insert(DELIVERIES).values(_to_row(made)))
            return made


def add_first(connection: Connection, job: Job) -> None:
    """Write what is owed for a job that ends, if anything is."""
    owed = first_delivery(job)
    if owed is not None:
        connection.execute(insert(DELIVERIES).values(_to_row(owed)))


def _of_job(connection: Connection, job_id: str) -> list[Delivery]:
    query = select(DELIVERIES).where(DELIVERIES.c.job_id == job_id).order_by(DELIVERIES.c.number)
    return [_to_delivery(row) for row in connection.execute(query).mappings()]


def _changed(connection: Connection, row: RowMapping, transition: DeliveryTransition) -> Delivery | None:
    """Apply a transition to a row that is locked."""
    changed = transition(_to_delivery(row))
    if changed is not None:
        this_one = and_(DELIVERIES.c.job_id == row["job_id"], DELIVERIES.c.number == row["number"])
        connection.execute(update(DELIVERIES).where(this_one).values(_to_row(changed)))
    return changed


def _to_row(delivery: Delivery) -> dict[str, Any]:
    return {
        "job_id": delivery.job_id,
        "number": delivery.number,
        "state": delivery.state.value,
        "created_at_s": delivery.created_at_s,
        "due_at_s": delivery.due_at_s,
        "attempts": delivery.attempts,
        "started_at_s": delivery.started_at_s,
        "finished_at_s": delivery.finished_at_s,
        "log": json.dumps([astuple(attempt) for attempt in delivery.log], separators=(",", ":")),
    }


def _to_delivery(row: RowMapping) -> Delivery:
    fields = dict(row)
    log = tuple(Attempt(*attempt) for attempt in json.loads(fields.pop("log")))
    return Delivery(state=DeliveryState(fields.pop("state")), log=log, **fields)
