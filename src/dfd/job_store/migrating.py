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

_LOCK: Final = 0x0DFD  # any number that other programs do not lock on the same PostgreSQL database


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
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        if not _is_current(connection):
            command.upgrade(_config(connection), "head")


def _is_current(connection: Connection) -> bool:
    scripts = ScriptDirectory.from_config(_config(connection))
    current = MigrationContext.configure(connection).get_current_revision()
    if current is not None and current not in {script.revision for script in scripts.walk_revisions()}:
        raise ConfigurationError("the table of jobs was made by a newer version of DFD")
    return current == scripts.get_current_head()


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
