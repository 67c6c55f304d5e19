"""Writers of one process on SQLite: each has its turn, in the order in which they came, and none waits for ever."""

import threading
from pathlib import Path

import pytest
from sqlalchemy import text
from tests.live_service import until

from dfd.errors import JobStoreUnavailable
from dfd.job_store import database
from dfd.job_store.database import Database


@pytest.fixture
def table(tmp_path: Path) -> Database:
    made = Database(f"sqlite:///{tmp_path / 'turns.sqlite3'}")
    with made.writing() as connection:
        connection.execute(text("CREATE TABLE turns (writer INTEGER)"))
    return made


def written(table: Database) -> list[int]:
    with table.reading() as connection:
        return [row[0] for row in connection.execute(text("SELECT writer FROM turns ORDER BY rowid"))]


def test_writers_have_their_turns_as_they_came(table: Database) -> None:
    def write(number: int) -> None:
        with table.writing() as connection:
            connection.execute(text("INSERT INTO turns VALUES (:number)"), {"number": number})

    threads = [threading.Thread(target=write, args=(number,)) for number in range(30)]
    with table.writing():
        for count, thread in enumerate(threads, 1):
            thread.start()
            until(lambda: len(table._turns._waiting) == count)  # type: ignore[attr-defined]  # noqa: B023
        assert written(table) == []  # readers wait for nobody
    for thread in threads:
        thread.join()
    assert written(table) == list(range(30))


def test_who_waits_too_long_is_told_and_the_next_has_his_turn(table: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BUSY_LIMIT_S", 0.05)
    told: list[str] = []

    def write() -> None:
        try:
            with table.writing():
                pass
        except JobStoreUnavailable as error:
            told.append(str(error))

    with table.writing():
        waiting = threading.Thread(target=write)
        waiting.start()
        waiting.join()
    assert told == ["the table of jobs does not answer: too many wait to write to it"]
    write()
    assert len(told) == 1


def test_who_is_interrupted_while_he_waits_leaves_his_turn_to_the_next(
    table: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Interrupted(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            raise KeyboardInterrupt

    with table.writing():
        monkeypatch.setattr(threading, "Event", Interrupted)
        with pytest.raises(KeyboardInterrupt), table.writing():
            pass
        monkeypatch.undo()
    with table.writing() as connection:
        connection.execute(text("INSERT INTO turns VALUES (3)"))
    assert written(table) == [3]


def test_a_writer_that_fails_ends_its_turn(table: Database) -> None:
    with pytest.raises(ZeroDivisionError), table.writing() as connection:
        connection.execute(text("INSERT INTO turns VALUES (1)"))
        _ = 1 / 0
    with table.writing() as connection:
        connection.execute(text("INSERT INTO turns VALUES (2)"))
    assert written(table) == [2]
