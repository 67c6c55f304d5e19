"""Connections and transactions, the same on SQLite and PostgreSQL, and one error for a database that is away."""

import sqlite3
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, InterfaceError, OperationalError, ResourceClosedError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from dfd.errors import ConfigurationError, JobStoreUnavailable

BUSY_LIMIT_S = 10
"""How long a statement waits for its turn, for another process's lock on SQLite, or for a connection."""

_WRITES = "dfd_writes"
_WAL_PAUSE_S = 0.01


class Database:
    """An engine, and two kinds of transactions. Safe to use from several threads."""

    def __init__(self, url: str) -> None:
        """Connect when first asked to.

        Args:
            url: ``sqlite:///PATH`` or ``postgresql://USER:PASSWORD@HOST/NAME``.

        Raises:
            ConfigurationError: the address is none, or its driver is not installed.
        """
        parsed = _checked(url)
        self.is_sqlite = parsed.get_backend_name() == "sqlite"
        options: dict[str, Any] = {"pool_timeout": BUSY_LIMIT_S, "hide_parameters": True}
        if self.is_sqlite:
            if parsed.database:
                Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
            options["connect_args"] = {"timeout": BUSY_LIMIT_S, "check_same_thread": False}
        else:
            options |= {"pool_pre_ping": True, "connect_args": {"connect_timeout": BUSY_LIMIT_S}}
        try:
            self.engine = create_engine(parsed, **options)
        except ModuleNotFoundError as error:
            raise ConfigurationError("DATABASE_URL names PostgreSQL: pip install 'dfd[postgres]'") from error
        self._turns: AbstractContextManager[None] = _Turns() if self.is_sqlite else nullcontext()
        if self.is_sqlite:
            _prepare_sqlite(self.engine)

    @contextmanager
    def reading(self, options: Mapping[str, Any] | None = None) -> Iterator[Connection]:
        """A transaction that changes nothing, and waits for nobody who does.

        Args:
            options: SQLAlchemy's, for its execution.

        Raises:
            JobStoreUnavailable: the database does not answer.
        """
        with _told_apart(), self.engine.connect() as connection:
            connection = connection.execution_options(**(options or {}))  # noqa: PLW2901 - the same one
            with connection.begin():
                yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that may change something; on SQLite the only one of its kind from its beginning.

        Raises:
            JobStoreUnavailable: the database does not answer, or somebody holds its lock for too long.
        """
        with _told_apart(), self._turns, self.engine.connect() as connection:
            connection = connection.execution_options(**{_WRITES: True})  # noqa: PLW2901 - the same one, marked
            with connection.begin():
                yield connection

    @contextmanager
    def rebuilding(self) -> Iterator[Connection]:
        """As `writing`, for a change of the tables themselves.

        SQLite changes a constraint only by making the table anew, which would take along the rows of other tables that
        belong to those of the old one; so that is left off until the end, and then checked
        (https://www.sqlite.org/lang_altertable.html#otheralter).

        Raises:
            JobStoreUnavailable: see `writing`.
        """
        if not self.is_sqlite:
            with self.writing() as connection:
                yield connection
            return
        with _told_apart(), self._turns, self.engine.connect() as connection:
            raw: Any = connection.connection.driver_connection
            raw.execute("PRAGMA foreign_keys=OFF")  # heeded outside a transaction only
            try:
                connection = connection.execution_options(**{_WRITES: True})  # noqa: PLW2901 - the same one, marked
                with connection.begin():
                    yield connection
                    lost = raw.execute("PRAGMA foreign_key_check").fetchall()
                    if lost:
                        raise RuntimeError(f"a change of the tables would leave {len(lost)} rows without their job")
            finally:
                raw.execute("PRAGMA foreign_keys=ON")

    def close(self) -> None:
        """Close idle connections."""
        self.engine.dispose()


class _Turns(AbstractContextManager[None]):
    """Lets the writers of this process take turns, in the order in which they came.

    SQLite has one writer at a time, and who waits for it asks again and again, after longer and longer pauses: of many
    who wait somebody may be overtaken until his time is up. Those of other processes are waited for in SQLite's way.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[threading.Event] = deque()
        self._busy = False

    def __enter__(self) -> None:
        with self._lock:
            if not self._busy:
                self._busy = True
                return
            turn = threading.Event()
            self._waiting.append(turn)
        try:
            came = turn.wait(BUSY_LIMIT_S) or self._left(turn)
        except BaseException:  # interrupted: nobody is to wait for one who is gone
            if self._left(turn):
                self._pass_on()
            raise
        if not came:
            raise JobStoreUnavailable("the table of jobs does not answer: too many wait to write to it")

    def _left(self, turn: threading.Event) -> bool:
        """Wait no longer; whether the turn came at the last moment."""
        with self._lock:
            if turn.is_set():
                return True
            self._waiting.remove(turn)
            return False

    def __exit__(self, *_: object) -> None:
        self._pass_on()

    def _pass_on(self) -> None:
        with self._lock:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._busy = False


def _checked(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        parsed = None
    if parsed is not None and parsed.drivername in ("postgresql", "postgres"):
        return parsed.set(drivername="postgresql+psycopg")
    if parsed is not None and parsed.drivername in ("sqlite", "postgresql+psycopg"):
        return parsed
    raise ConfigurationError("DATABASE_URL must be sqlite:///PATH or postgresql://USER:PASSWORD@HOST/NAME")


def _prepare_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def _connected(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # transactions begin where they are told to, and not at the first write
        for pragma in ("foreign_keys=ON", "synchronous=FULL"):  # what was accepted outlives a power cut
            connection.execute(f"PRAGMA {pragma}")
        _use_wal(connection)

    @event.listens_for(engine, "begin")
    def _begun(connection: Connection) -> None:
        writes = connection.get_execution_options().get(_WRITES, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _use_wal(connection: sqlite3.Connection) -> None:
    """Have readers and the writer not wait for each other: a property of the file, set once for all.

    Who sets it while another process writes the new file is refused at once, whatever the time-out: SQLite waits for
    readers only.
    """
    give_up_s = time.monotonic() + BUSY_LIMIT_S
    while connection.execute("PRAGMA journal_mode").fetchone() != ("wal",):
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > give_up_s:
                raise
            time.sleep(_WAL_PAUSE_S)


@contextmanager
def _told_apart() -> Iterator[None]:
    """A database that is away is no bug of ours."""
    try:
        yield
    except (OperationalError, InterfaceError, PoolTimeoutError, ResourceClosedError) as error:
        reason = str(getattr(error, "orig", None) or error).strip() or type(error).__name__
        raise JobStoreUnavailable(f"the table of jobs does not answer: {reason}") from error
