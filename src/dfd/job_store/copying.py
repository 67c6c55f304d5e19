"""`TableCopier` in SQLAlchemy: rows of SQLite fit PostgreSQL and the other way round, also those of older tables.

Rows are put into tables of the revision that they are of, which are then migrated as those of an old database are.
"""

import base64
import binascii
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, Final

from alembic import command
from sqlalchemy import Column, Connection, LargeBinary, MetaData, Table, func, inspect, select, text
from sqlalchemy.exc import ArgumentError, CompileError, DataError, IntegrityError, StatementError

from dfd.errors import ConfigurationError, UnreadableBackup
from dfd.job_store.database import BUSY_LIMIT_S, Database
from dfd.job_store.migrating import LOCK, config_of, is_known, revision_of
from dfd.job_store.schema import METADATA
from dfd.ports.backup import Row, Snapshot, TableCopier

_AT_ONCE: Final = 500
_BYTES: Final = "base64:"
_REVISIONS: Final = "alembic_version"


class SqlTableCopier(TableCopier):
    """Copies the tables of jobs, and of what belongs to them."""

    def __init__(self, database: Database) -> None:
        """Copy those of a database."""
        self._database = database

    @contextmanager
    def snapshot(self, scratch: Path) -> Iterator[Snapshot]:
        if not self._database.is_sqlite:
            with self._database.reading(_SNAPSHOT) as connection:
                yield _snapshot_of(connection)
            return
        path = scratch / "snapshot.sqlite3"
        copy = Database(f"sqlite:///{path}")
        try:
            with self._database.reading() as connection:
                _copy_pages(connection, path)
            with copy.reading() as connection:
                yield _snapshot_of(connection)
        finally:
            copy.close()
            for left in scratch.glob(f"{path.name}*"):  # with its log of writes
                left.unlink()

    def is_empty(self) -> bool:
        with self._database.reading() as connection:
            there = set(inspect(connection).get_table_names())
            ours = [table for table in METADATA.sorted_tables if table.name in there]
            return all(connection.execute(select(1).select_from(table).limit(1)).first() is None for table in ours)

    def restore(self, revision: str, tables: Mapping[str, Callable[[], Iterator[Row]]]) -> None:
        with self._database.rebuilding() as connection:  # migrating makes tables anew, under rows that belong to theirs
            if not self._database.is_sqlite:
                connection.execute(text(f"SET LOCAL lock_timeout = '{BUSY_LIMIT_S}s'"))
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
            for one in (revision, revision_of(connection)):
                if one is not None and not is_known(connection, one):
                    raise ConfigurationError("the tables were made by a newer version of DFD")
            _ours(connection, _REVISIONS).drop_all(connection)
            command.upgrade(config_of(connection), revision)
            made = _ours(connection)
            if unknown := tables.keys() - made.tables.keys():
                raise UnreadableBackup(f"there are no tables {', '.join(sorted(unknown))} at revision {revision}")
            for table in made.sorted_tables:
                if table.name in tables:
                    _fill(connection, table, tables[table.name]())
            command.upgrade(config_of(connection), "head")


_SNAPSHOT: Final = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True, "stream_results": True}
"""What a reading transaction on PostgreSQL needs to see one moment from its beginning to its end, row by row."""


def _copy_pages(connection: Connection, path: Path) -> None:
    """Copy a database of SQLite while others use it, by its online backup."""
    source: Any = connection.connection.driver_connection
    target = sqlite3.connect(path)
    try:
        source.backup(target)
    finally:
        target.close()


def _snapshot_of(connection: Connection) -> Snapshot:
    revision = revision_of(connection)
    if revision is None or not is_known(connection, revision):
        raise ConfigurationError("the database has no tables of jobs, or those of a newer version of DFD")
    found = _ours(connection)

    def rows(name: str) -> Iterator[Row]:
        table = found.tables[name]
        answered = connection.execute(select(table).order_by(*table.primary_key.columns))
        for row in answered.yield_per(_AT_ONCE).mappings():
            yield {str(column): _plain(value) for column, value in row.items()}

    return Snapshot(revision, tuple(table.name for table in found.sorted_tables), rows)


def _plain(value: Any) -> str | int | float | bool | None:
    if isinstance(value, bytes | memoryview):
        return _BYTES + base64.b64encode(bytes(value)).decode()
    if value is None or isinstance(value, str | int | float | bool):
        return value
    raise TypeError(f"a backup cannot hold a {type(value).__name__}")


def _ours(connection: Connection, *more: str) -> MetaData:
    """The tables as they are, of whatever revision; a database may hold those of others too."""
    found = MetaData()
    names = {*METADATA.tables, *more}
    found.reflect(connection, only=lambda name, _: name in names)
    return found


def _fill(connection: Connection, table: Table, rows: Iterator[Row]) -> None:
    """Put rows in, and have the database go on numbering behind them."""
    try:
        while some := [_bound(table, row) for row in islice(rows, _AT_ONCE)]:
            connection.execute(table.insert(), some)
    except (ArgumentError, CompileError, DataError, IntegrityError, StatementError, binascii.Error, KeyError) as error:
        if getattr(error, "connection_invalidated", False):
            raise
        raise UnreadableBackup(f"the rows of {table.name} do not fit: {type(error).__name__}") from error
    if connection.dialect.name != "postgresql":
        _check_owners(connection, table)
        return  # SQLite numbers by the highest that is there
    for column in table.primary_key.columns:
        sequence = connection.execute(func.pg_get_serial_sequence(table.name, column.name).select()).scalar()
        last = None if sequence is None else connection.execute(select(func.max(column))).scalar()
        if last is not None:
            connection.execute(select(func.setval(sequence, last)))


def _check_owners(connection: Connection, table: Table) -> None:
    """Refuse rows that belong to none, which SQLite does not look at while tables are made anew.

    Raises:
        UnreadableBackup: there are some.
    """
    quoted = connection.dialect.identifier_preparer.quote(table.name)
    lost = connection.exec_driver_sql(f"PRAGMA foreign_key_check({quoted})").all()
    if lost:
        raise UnreadableBackup(f"the rows of {table.name} do not fit: {len(lost)} belong to none that is there")


def _bound(table: Table, row: Row) -> dict[str, Any]:
    return {name: _value(table.c[name], value) for name, value in row.items()}


def _value(column: Column[Any], value: Any) -> Any:
    if isinstance(column.type, LargeBinary) and isinstance(value, str):
        return base64.b64decode(value.removeprefix(_BYTES), validate=True)
    return value
