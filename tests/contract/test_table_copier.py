"""What every adapter of `TableCopier` must do: all rows of one moment out, and in again, on any database."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import MetaData, Table, insert, select, text
from tests.fakes import make_job
from tests.feedback_fakes import make_feedback
from tests.rollout_traffic import make_rollout

from dfd.errors import ConfigurationError, UnreadableBackup
from dfd.job_store.database import Database
from dfd.job_store.feedback import _to_row as feedback_row
from dfd.job_store.migrating import config_of
from dfd.job_store.rows import to_row
from dfd.job_store.schema import FEEDBACK, JOBS, METADATA, REPORTS, TALLIES, USAGE
from dfd.job_store.sql import SqlJobStore
from dfd.ports.backup import Row, TableCopier

if TYPE_CHECKING:
    from tests.postgres_server import PostgresServer

KINDS = ["sqlite", "postgres"]

OLD = "0005"
"""A revision of the tables that is not the newest."""


@dataclass
class Place:
    """A database of jobs and what copies it."""

    url: str
    store: SqlJobStore
    database: Database
    copier: TableCopier


@pytest.fixture
def new_place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[str], Place]]:
    made: list[Place] = []

    def make(kind: str) -> Place:
        if kind == "sqlite":
            url = f"sqlite:///{tmp_path / f'{len(made)}' / 'jobs.sqlite3'}"
        else:
            server: PostgresServer = request.getfixturevalue("postgres")
            url = server.new_database()
        store = SqlJobStore(url)
        place = Place(url, store, Database(url), store.copier())
        made.append(place)
        return place

    yield make
    for place in made:
        place.store.close()
        place.database.close()


def fill(place: Place) -> None:
    """Something in every table that has an unusual value."""
    store = place.store
    store.migrate()
    words = 'Zürich "\\ \u2028 \U0001f642\n'
    store.add([make_job(f"job-{number}", external_id=words, created_at_s=0.1 + number) for number in range(3)])
    ended = store.change("job-0", lambda job: job.cancelled(7.25))
    assert ended is not None
    assert store.feedback().add("job-1", lambda _earlier: make_feedback(job_id="job-1")) is not None
    store.rollouts().start(make_rollout())
    with place.database.writing() as connection:
        connection.execute(insert(REPORTS).values(job_id="job-2", document='{"a": "\\u0000 in JSON"}'))
        connection.execute(insert(USAGE).values(caller=words, window="w", requests=3, ends_at_s=1e300))
        key = {"model_name": "m", "model_version": "1", "measure": "x", "binning": "b"}
        connection.execute(insert(TALLIES).values(**key, hour=2, bin=-1, count=2**31 - 1))


def rows_of(place: Place, folder: Path) -> dict[str, list[Row]]:
    with place.copier.snapshot(folder) as snapshot:
        return {name: list(snapshot.rows(name)) for name in snapshot.tables}


def given(rows: Mapping[str, list[Row]]) -> dict[str, Callable[[], Iterator[Row]]]:
    return {name: partial(iter, some) for name, some in rows.items()}


def revision_of(place: Place, folder: Path) -> str:
    with place.copier.snapshot(folder) as snapshot:
        return snapshot.revision


@pytest.mark.parametrize("into", KINDS)
@pytest.mark.parametrize("out_of", KINDS)
def test_what_comes_out_goes_in_as_it_was(
    out_of: str, into: str, new_place: Callable[[str], Place], tmp_path: Path
) -> None:
    source, target = new_place(out_of), new_place(into)
    fill(source)
    before = rows_of(source, tmp_path)
    assert set(before) == set(METADATA.tables)
    assert target.copier.is_empty()
    target.copier.restore(revision_of(source, tmp_path), given(before))
    assert not target.copier.is_empty()
    assert rows_of(target, tmp_path) == before
    assert not list(tmp_path.glob("snapshot*"))
    [added] = target.store.add([make_job("job-3")])  # the database goes on numbering behind what was there
    assert added.sequence == max(int(row["sequence"] or 0) for row in before["jobs"]) + 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_snapshot_is_of_one_moment(kind: str, new_place: Callable[[str], Place], tmp_path: Path) -> None:
    place = new_place(kind)
    fill(place)
    with place.copier.snapshot(tmp_path) as snapshot:
        first = list(snapshot.rows("usage"))
        place.store.add([make_job("later")])
        place.store.change("job-1", lambda job: job.cancelled(9.0))
        seen = {row["job_id"]: row["state"] for row in snapshot.rows("jobs")}
    assert len(first) == 1
    assert seen == {"job-0": "cancelled", "job-1": "queued", "job-2": "queued"}


@pytest.mark.parametrize("kind", KINDS)
def test_rows_that_are_there_are_replaced_and_tables_of_others_left_alone(
    kind: str, new_place: Callable[[str], Place], tmp_path: Path
) -> None:
    place = new_place(kind)
    fill(place)
    before, revision = rows_of(place, tmp_path), revision_of(place, tmp_path)
    place.store.add([make_job("later")])
    with place.database.writing() as connection:
        connection.execute(text("CREATE TABLE of_others (number INTEGER)"))
        connection.execute(text("INSERT INTO of_others VALUES (1)"))
    place.copier.restore(revision, given(before))
    assert rows_of(place, tmp_path) == before
    with place.database.reading() as connection:
        assert connection.execute(text("SELECT number FROM of_others")).scalar() == 1


@pytest.mark.parametrize("kind", KINDS)
def test_rows_that_do_not_fit_change_nothing(kind: str, new_place: Callable[[str], Place], tmp_path: Path) -> None:
    place = new_place(kind)
    fill(place)
    before, revision = rows_of(place, tmp_path), revision_of(place, tmp_path)
    broken = [
        before | {"jobs": [*before["jobs"], before["jobs"][0]]},  # twice the same key
        before | {"jobs": [{"nonsense": 1}]},
        before | {"job_reports": [{"job_id": "nobody's", "document": "{}"}]},  # refers to no job
        before | {"job_feedback": [{**before["job_feedback"][0], "job_id": "nobody's"}]},
        before | {"no_such_table": []},
    ]
    for rows in broken:
        with pytest.raises(UnreadableBackup):
            place.copier.restore(revision, given(rows))
    assert rows_of(place, tmp_path) == before


def make_old(place: Place) -> None:
    """A database as an older version left it, with a job and what belongs to one."""
    delivery = {"job_id": "old", "number": 1, "state": "pending", "created_at_s": 0.5, "attempts": 0, "log": "[]"}
    rows = {
        "jobs": to_row(make_job("old", created_at_s=0.25)),
        "job_reports": {"job_id": "old", "document": "{}"},
        "job_deliveries": delivery,
        "job_feedback": feedback_row(make_feedback(job_id="old")),
    }
    with place.database.writing() as connection:
        command.upgrade(config_of(connection), OLD)
        for name, row in rows.items():
            table = Table(name, MetaData(), autoload_with=connection)
            connection.execute(insert(table).values({column: row[column] for column in row if column in table.c}))


@pytest.mark.parametrize("into", KINDS)
@pytest.mark.parametrize("out_of", KINDS)
def test_rows_of_older_tables_are_brought_up_to_date(
    out_of: str, into: str, new_place: Callable[[str], Place], tmp_path: Path
) -> None:
    source, target = new_place(out_of), new_place(into)
    make_old(source)
    older = rows_of(source, tmp_path)
    assert revision_of(source, tmp_path) == OLD
    target.copier.restore(OLD, given(older))
    with target.database.reading() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []
    assert target.store.get("old") is not None
    restored = rows_of(target, tmp_path)
    for name in ("job_reports", "job_deliveries", "job_feedback"):  # SQLite makes the table of jobs anew under them
        assert [row["job_id"] for row in restored[name]] == ["old"]
    source.store.migrate()  # the other way to the same
    assert restored == rows_of(source, tmp_path)


@pytest.mark.parametrize("kind", KINDS)
def test_a_newer_version_is_told_and_nothing_touched(
    kind: str, new_place: Callable[[str], Place], tmp_path: Path
) -> None:
    place = new_place(kind)
    fill(place)
    rows = rows_of(place, tmp_path)
    with pytest.raises(ConfigurationError, match="newer version"):
        place.copier.restore("9999", given(rows))
    assert rows_of(place, tmp_path) == rows
    with place.database.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(ConfigurationError, match="newer version"), place.copier.snapshot(tmp_path):
        pass
    with pytest.raises(ConfigurationError, match="newer version"):
        place.copier.restore(OLD, given(rows))
    with place.database.reading() as connection:
        assert len(connection.execute(select(JOBS.c.job_id)).all()) == 3
        assert len(connection.execute(select(FEEDBACK.c.number)).all()) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_database_without_tables_is_empty_and_cannot_be_copied(
    kind: str, new_place: Callable[[str], Place], tmp_path: Path
) -> None:
    place = new_place(kind)
    assert place.copier.is_empty()
    with pytest.raises(ConfigurationError, match="no tables"), place.copier.snapshot(tmp_path):
        pass
    place.store.migrate()
    assert place.copier.is_empty()


def test_every_column_is_of_a_kind_that_a_backup_can_hold() -> None:
    kinds = {column.type.python_type for table in METADATA.tables.values() for column in table.columns}
    assert kinds <= {bool, bytes, float, int, str}
