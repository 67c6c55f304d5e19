"""`RolloutStore` in the database of jobs."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import RowMapping, delete, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError

from dfd.challenge.observation import Arm, Observation
from dfd.challenge.rollout import Rollout, RolloutState
from dfd.errors import ModelConflict
from dfd.job_store.database import Database
from dfd.job_store.schema import OBSERVATIONS, ROLLOUTS
from dfd.ports.rollouts import RolloutStore, RolloutTransition
from dfd.types import Verdict

_RUNNING = ROLLOUTS.c.state == RolloutState.RUNNING.value


class SqlRolloutStore(RolloutStore):
    """The tables of rollouts; locks rows as `dfd.job_store.sql.SqlJobStore` does."""

    def __init__(self, database: Database) -> None:
        """Use a database whose tables are there."""
        self._database = database

    def start(self, rollout: Rollout) -> None:
        try:
            with self._database.writing() as connection:
                connection.execute(insert(ROLLOUTS).values(_to_row(rollout)))
        except IntegrityError as error:
            raise ModelConflict(
                f"a rollout of {rollout.name} is running: `dfd models rollout stop {rollout.name}` ends it"
            ) from error

    def recent(self, name: str, limit: int) -> list[Rollout]:
        query = select(ROLLOUTS).where(ROLLOUTS.c.name == name).order_by(ROLLOUTS.c.sequence.desc()).limit(limit)
        with self._database.reading() as connection:
            return [_to_rollout(row) for row in connection.execute(query).mappings()]

    def unsettled(self, name: str) -> list[Rollout]:
        owed = select(ROLLOUTS).where(ROLLOUTS.c.name == name, ~_RUNNING, ROLLOUTS.c.settled.is_(False))
        with self._database.reading() as connection:
            rows = connection.execute(owed.order_by(ROLLOUTS.c.sequence)).mappings()
            return [_to_rollout(row) for row in rows]

    def change(self, rollout_id: str, transition: RolloutTransition) -> Rollout | None:
        this_one = ROLLOUTS.c.rollout_id == rollout_id
        with self._database.writing() as connection:
            row = connection.execute(select(ROLLOUTS).where(this_one).with_for_update()).mappings().first()
            changed = None if row is None else transition(_to_rollout(row))
            if changed is not None:
                connection.execute(update(ROLLOUTS).where(this_one).values(_to_row(changed)))
            return changed

    def observe(self, observations: Sequence[Observation]) -> int:
        if not observations:
            return 0
        insertion = (sqlite.insert if self._database.is_sqlite else postgresql.insert)(OBSERVATIONS)
        with self._database.writing() as connection:
            wanted = {each.rollout_id for each in observations}
            running = select(ROLLOUTS.c.rollout_id).where(_RUNNING, ROLLOUTS.c.rollout_id.in_(wanted))
            known = set(connection.execute(running).scalars())
            rows = [asdict(each) for each in observations if each.rollout_id in known]
            if not rows:
                return 0
            first = insertion.values(rows).on_conflict_do_nothing().returning(OBSERVATIONS.c.sequence)
            return len(connection.execute(first).all())

    def count(self, rollout_id: str) -> int:
        with self._database.reading() as connection:
            query = select(func.count()).where(OBSERVATIONS.c.rollout_id == rollout_id)
            return int(connection.execute(query).scalar_one())

    def observations(self, rollout_id: str) -> list[Observation]:
        query = select(OBSERVATIONS).where(OBSERVATIONS.c.rollout_id == rollout_id).order_by(OBSERVATIONS.c.sequence)
        with self._database.reading() as connection:
            return [_to_observation(row) for row in connection.execute(query).mappings()]

    def forget(self, before_s: float) -> int:
        over = select(ROLLOUTS.c.rollout_id).where(~_RUNNING)
        old = delete(OBSERVATIONS).where(OBSERVATIONS.c.at_s < before_s, OBSERVATIONS.c.rollout_id.in_(over))
        with self._database.writing() as connection:
            return connection.execute(old).rowcount


def _to_row(rollout: Rollout) -> dict[str, Any]:
    row = rollout.to_dict()
    return row | {key: None if row[key] is None else json.dumps(row[key]) for key in ("policy", "begun", "ended")}


def _to_rollout(row: RowMapping) -> Rollout:
    fields = {key: value for key, value in row.items() if key != "sequence"}
    fields |= {key: None if row[key] is None else json.loads(row[key]) for key in ("policy", "begun", "ended")}
    return Rollout.from_dict(fields)


def _to_observation(row: RowMapping) -> Observation:
    fields = {key: value for key, value in row.items() if key != "sequence"}
    arm, verdict = Arm(fields.pop("arm")), fields.pop("verdict")
    return Observation(arm=arm, verdict=None if verdict is None else Verdict(verdict), **fields)
