"""Backups, from settings."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import dfd
from dfd.backup.copying import Backups
from dfd.bootstrap.jobs import build_storage
from dfd.job_store.sql import SqlJobStore
from dfd.settings import Settings


@contextmanager
def opened_backups(settings: Settings) -> Iterator[Backups]:
    """What copies the database and the storage of the settings; the database is closed behind it.

    Raises:
        ConfigurationError: a setting of either does not hold.
    """
    storage = build_storage(settings)
    store = SqlJobStore(settings.jobs_url)
    try:
        yield Backups(store.copier(), storage, time.time, dfd.__version__)
    finally:
        store.close()
