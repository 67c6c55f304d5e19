"""Bringing a database to the tables of this version."""

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from dfd.errors import ConfigurationError
from dfd.job_store.database import Database

LOCK: Final = 0x0DFD  # any number that other programs do not lock on the same PostgreSQL database


def migrate(database: Database) -> None:
    """Make or change the tables, in one transaction; several processes may try at the same time.

    Raises:
        ConfigurationError: the database belongs to a newer version of DFD.
        JobStoreUnavailable: the database does not answer.
    """
    with database.reading() as connection:
        if _is_current(connection):
            return
    with database.rebuilding() as connection:
        if not database.is_sqlite:
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        if not _is_current(connection):
            command.upgrade(config_of(connection), "head")


def revision_of(connection: Connection) -> str | None:
    """Where the tables of a database are; None where there are none."""
    return MigrationContext.configure(connection).get_current_revision()


def newest_revision(connection: Connection) -> str | None:
    """Where this version wants them."""
    return ScriptDirectory.from_config(config_of(connection)).get_current_head()


def is_known(connection: Connection, revision: str) -> bool:
    """Whether this version of DFD has such tables, or had them once."""
    scripts = ScriptDirectory.from_config(config_of(connection))
    return revision in {script.revision for script in scripts.walk_revisions()}


def _is_current(connection: Connection) -> bool:
    current = revision_of(connection)
    if current is not None and not is_known(connection, current):
        raise ConfigurationError("the table of jobs was made by a newer version of DFD")
    return current == newest_revision(connection)


def config_of(connection: Connection) -> Config:
    """What Alembic needs to migrate inside the transaction that is open on a connection."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
