"""A fresh database of jobs for a test, on SQLite or PostgreSQL."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dfd.job_store.sql import SqlJobStore


def new_database(request: pytest.FixtureRequest, folder: Path) -> str:
    """The address of an empty one, of the kind that the parameter of a fixture names: ``sqlite`` or ``postgres``."""
    if request.param == "sqlite":
        return f"sqlite:///{folder / 'jobs.sqlite3'}"
    url: str = request.getfixturevalue("postgres").new_database()
    return url


@contextmanager
def new_store(request: pytest.FixtureRequest, folder: Path) -> Iterator[SqlJobStore]:
    """A store with its tables, in such a database; closed at the end."""
    store = SqlJobStore(new_database(request, folder))
    store.migrate()
    yield store
    store.close()
