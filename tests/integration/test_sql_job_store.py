"""The SQL job store on its real databases: tables, migrations, locks, restarts, and the work of each query."""

import sqlite3
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from hypothesis import settings
from sqlalchemy import event, inspect, text
from tests.fakes import make_job
from tests.feedback_fakes import make_feedback
from tests.job_machine import JobMachine

from dfd.delivery import Answer, Delivery, Patience
from dfd.errors import ConfigurationError, JobStoreUnavailable
from dfd.job import Job, JobState, Submission
from dfd.job_store import database as database_module
from dfd.job_store.database import Database
from dfd.job_store.migrating import config_of, migrate
from dfd.job_store.rows import to_row
from dfd.job_store.schema import METADATA
from dfd.job_store.sql import SqlJobStore
from dfd.ports import JobFilter

if TYPE_CHECKING:
    from tests.postgres_server import PostgresServer


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'inner' / 'jobs.sqlite3'}"
    made: str = request.getfixturevalue("postgres").new_database()
    return made


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    database = Database(url)
    migrate(database)
    yield database
    database.close()


def test_the_migrations_make_the_tables_that_the_code_expects(database: Database) -> None:
    with database.reading() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []


def test_several_processes_may_migrate_at_once(url: str) -> None:
    databases = [Database(url) for _ in range(4)]
    barrier = threading.Barrier(4)

    def both(database: Database) -> None:
        barrier.wait()
        migrate(database)
        migrate(database)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(both, databases))
    for database in databases:
        database.close()


def test_who_opens_a_new_file_waits_for_those_who_write_it(tmp_path: Path) -> None:
    path = tmp_path / "new.db"
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    freed = threading.Timer(0.3, other.rollback)
    freed.start()
    database = Database(f"sqlite:///{path}")
    with database.writing() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
    freed.join()
    other.close()
    database.close()


@pytest.mark.parametrize("revision", ["0002", "0003", "0006"])
def test_tables_of_earlier_versions_are_brought_up_to_date_with_their_jobs(url: str, revision: str) -> None:
    store = SqlJobStore(url)
    with store._database.writing() as connection:
        command.upgrade(config_of(connection), revision)
        row = to_row(make_job(callback_url="https://a.example/"))
        names = [column["name"] for column in inspect(connection).get_columns("jobs") if column["name"] in row]
        values = ", ".join(f":{name}" for name in names)
        connection.execute(text(f"INSERT INTO jobs ({', '.join(names)}) VALUES ({values})"), row)
    store.migrate()
    known = store.get("job-1")
    assert known is not None and known.threshold is None
    assert store.feedback().add("job-1", lambda _known: make_feedback()) is not None
    assert store.change("job-1", lambda job: job.cancelled(120.0)) is not None
    assert len(store.deliveries().of_job("job-1")) == 1
    store.close()


def test_what_belongs_to_a_job_outlives_the_change_to_tenants_and_back(url: str) -> None:
    """SQLite makes the table of jobs anew for it, and rows of other tables hang on those of the old one."""
    store = SqlJobStore(url)
    store.migrate()
    store.add([make_job(callback_url="https://a.example/", submission=Submission("key", "aa", 0))])
    assert store.claim(lambda job: job.claimed("worker", 110.0, 30.0), 110.0) is not None
    store.change("job-1", lambda job: job.succeeded(1, 120.0, "fake", 0.9, "result", frames=10), report="{}")
    assert store.feedback().add("job-1", lambda _known: make_feedback()) is not None
    with store._database.rebuilding() as connection:
        command.downgrade(config_of(connection), "0006")
    with store._database.reading() as connection:
        for table in ("job_reports", "job_deliveries", "job_feedback"):
            assert connection.execute(text(f"SELECT job_id FROM {table}")).scalar_one() == "job-1"
    store.migrate()
    known = store.get("job-1")
    assert known is not None and known.tenant == "default"
    assert store.report("job-1") == "{}"
    assert store.of_submission("default", "key") == [known] and store.answered("default", "result") == known
    assert len(store.deliveries().of_job("job-1")) == len(store.feedback().of_job("job-1")) == 1
    store.close()


def test_a_change_of_tables_that_would_lose_a_job_is_undone(tmp_path: Path) -> None:
    store = SqlJobStore(f"sqlite:///{tmp_path / 'jobs.sqlite3'}")
    store.migrate()
    store.add([make_job(state=JobState.SUCCEEDED, finished_at_s=100.0)], {"job-1": "{}"})
    with pytest.raises(RuntimeError, match="1 rows"), store._database.rebuilding() as connection:
        connection.execute(text("DELETE FROM jobs"))
    assert store.get("job-1") is not None
    with store._database.reading() as connection:
        assert connection.execute(text("PRAGMA foreign_keys")).scalar() == 1
    store.close()


def test_tables_of_a_newer_version_are_left_alone(database: Database) -> None:
    with database.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(ConfigurationError, match="newer version"):
        migrate(database)


@pytest.mark.parametrize("url", ["", "nonsense", "mysql://host/name", "sqlite+aiosqlite:///x"])
def test_an_address_that_is_none_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(ConfigurationError, match="DATABASE_URL must be"):
        Database(url)


def test_sqlite_writes_ahead_and_to_the_disk(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'jobs.sqlite3'}")
    with database.reading() as connection:
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
        assert connection.execute(text("PRAGMA synchronous")).scalar() == 2
    database.close()


def test_readers_do_not_wait_for_a_writer(database: Database) -> None:
    with database.writing() as writer:
        writer.execute(text("UPDATE jobs SET priority = 1"))
        with database.reading() as reader:
            assert reader.execute(text("SELECT count(*) FROM jobs")).scalar() == 0


def test_a_locked_database_is_unavailable_and_then_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_module, "BUSY_LIMIT_S", 0.05)
    path = tmp_path / "jobs.sqlite3"
    store = SqlJobStore(f"sqlite:///{path}")
    store.migrate()
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(JobStoreUnavailable, match="locked"):
        store.add([make_job()])
    holder.execute("ROLLBACK")
    holder.close()
    assert len(store.add([make_job()])) == 1
    store.close()


def test_a_server_that_restarts_is_unavailable_and_then_back(postgres: "PostgresServer") -> None:
    url = postgres.new_database()
    store = SqlJobStore(url)
    store.migrate()
    store.add([make_job("before")])
    postgres.stop()
    try:
        with pytest.raises(JobStoreUnavailable) as caught:
            store.get("before")
        assert postgres.password not in str(caught.value)
    finally:
        postgres.start()
    assert store.get("before") is not None
    store.add([make_job("after")])
    store.close()


def test_no_query_of_a_job_on_its_way_reads_the_whole_table(tmp_path: Path) -> None:
    """Asks SQLite how it would find the rows: by an index, each time."""
    path = tmp_path / "jobs.sqlite3"
    store = SqlJobStore(f"sqlite:///{path}")
    store.migrate()
    statements: list[str] = []
    connection = sqlite3.connect(path)

    def explain(statement: str, parameters: object) -> None:
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)]  # type: ignore[arg-type]
        scans = [step for step in plan if step.startswith("SCAN job")]
        assert not scans, (statement, plan)
        assert not [step for step in plan if "TEMP B-TREE" in step], (statement, plan)
        statements.append(statement)

    @event.listens_for(store._database.engine, "before_cursor_execute")
    def _seen(_connection: object, _cursor: object, statement: str, parameters: object, *_rest: object) -> None:
        if statement.startswith(("SELECT", "UPDATE", "DELETE")):
            explain(statement, parameters)

    [job] = store.add([make_job(callback_url="https://a.example/")])
    store.waiting(10)
    store.waiting(10, "default")
    store.ahead_of(job)
    held = store.claim(lambda found: found.claimed("worker", 110.0, 30.0), 110.0)
    assert held is not None
    store.to_sweep(110.0, 10)
    store.change("job-1", lambda found: found.succeeded(1, 120.0, "fake", 0.9, "key", frames=10), report="{}")
    store.report("job-1")
    store.answered("default", "key")
    deliveries, patience = store.deliveries(), Patience()
    assert deliveries.claim(lambda found: found.claimed(120.0, 30.0, patience), 120.0) is not None
    deliveries.change("job-1", 1, lambda found: found.answered(1, Answer(204), 121.0, patience, 0.5))
    assert deliveries.add("job-1", lambda known: known[0].again(2, 122.0)) is not None
    assert len(deliveries.of_job("job-1")) == 2
    store.with_input(130.0, 10)
    store.change("job-1", Job.without_input)
    store.remove_ended(130.0, 10)
    connection.close()
    store.close()
    assert len(statements) >= 22


def test_a_list_by_states_takes_the_newest_off_an_index(tmp_path: Path) -> None:
    """Each state has a search of its own with a limit: what has ended long ago is neither read nor sorted."""
    path = tmp_path / "jobs.sqlite3"
    store = SqlJobStore(f"sqlite:///{path}")
    store.migrate()
    connection = sqlite3.connect(path)
    plans: list[list[str]] = []

    @event.listens_for(store._database.engine, "before_cursor_execute")
    def _seen(_connection: object, _cursor: object, statement: str, parameters: object, *_rest: object) -> None:
        if statement.startswith("SELECT"):
            steps = connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)  # type: ignore[arg-type]
            plans.append([row[3] for row in steps])

    ended = frozenset({JobState.SUCCEEDED, JobState.FAILED})
    store.page(JobFilter(ended), 50)
    store.page(JobFilter(ended, tenant="acme"), 50)
    store.page(JobFilter(tenant="acme"), 50)
    store.page(JobFilter(external_id="x", tenant="acme"), 50)
    connection.close()
    store.close()
    searched = (
        "ix_jobs_state (state=?)",
        "ix_jobs_tenant_state (tenant=? AND state=?)",
        "ix_jobs_tenant (tenant=?)",
        "ix_jobs_tenant_external_id (tenant=? AND external_id=?)",
    )
    for plan, index, times in zip(plans, searched, (2, 2, 1, 1), strict=True):
        assert len([step for step in plan if index in step]) == times, plan
        assert not [step for step in plan if step.startswith("SCAN job")], plan
    assert not [step for plan in plans[2:] for step in plan if "TEMP B-TREE" in step], plans


class _OnSqlite(JobMachine):
    """Any order of events, on a real table."""

    def make_store(self) -> SqlJobStore:
        self.folder = tempfile.TemporaryDirectory(prefix="dfd-jobs-")
        self.sql = SqlJobStore(f"sqlite:///{self.folder.name}/jobs.sqlite3")
        self.sql.migrate()
        return self.sql

    def deliveries_of(self, job_id: str) -> list[Delivery]:
        return self.sql.deliveries().of_job(job_id)

    def teardown(self) -> None:
        try:
            super().teardown()
        finally:
            self.sql.close()
            self.folder.cleanup()


TestAnyOrderOfEventsOnSqlite = _OnSqlite.TestCase
TestAnyOrderOfEventsOnSqlite.settings = settings(max_examples=10, stateful_step_count=25, deadline=None)
