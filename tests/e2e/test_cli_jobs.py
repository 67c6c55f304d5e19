"""``dfd jobs`` on a table of its own."""

import json
from pathlib import Path

import pytest
from tests.cli_process import Cli, lines
from tests.fakes import make_job

from dfd.delivery import Answer, Patience
from dfd.job_store.sql import SqlJobStore
from dfd.storage.objects import folder_storage


@pytest.fixture
def data(cli: Cli, tmp_path: Path) -> str:
    """A table with a job that waits, and one that has succeeded."""
    folder = tmp_path / "data"
    store = SqlJobStore(f"sqlite:///{folder / 'jobs.sqlite3'}")
    store.migrate()
    folder_storage(folder / "files").put("uploads/done", [b"video"])
    store.add(
        [make_job("done", external_id="[red]7"), make_job("waits", priority=-1, callback_url="https://a.example/")]
    )
    store.claim(lambda job: job.claimed("w", 110.0, 30.0), 110.0)
    store.change("done", lambda job: job.succeeded(1, 120.0, "fake", 0.9, "key", frames=10), '{"verdict": "fake"}')
    store.close()
    return str(folder)


def test_jobs_are_listed_shown_cancelled_and_retried(cli: Cli, data: str) -> None:
    table = cli.run("jobs", "list", DATA_DIR=data).stdout
    assert "[red]7" in table
    assert "waits" in table
    found = lines(cli.run("jobs", "list", "--json", "--state", "succeeded", DATA_DIR=data).stdout)
    assert [(job["id"], job["verdict"]) for job in found] == [("done", "fake")]
    shown = json.loads(cli.run("jobs", "show", "done", DATA_DIR=data).stdout)
    assert (shown["result"], shown["created_at"]) == ({"verdict": "fake"}, "1970-01-01T00:01:40.000Z")
    assert json.loads(cli.run("jobs", "show", "waits", DATA_DIR=data).stdout)["queue_position"] == 1
    assert cli.run("jobs", "cancel", "waits", DATA_DIR=data).stdout == "waits cancelled\n"
    new = cli.run("jobs", "retry", "done", DATA_DIR=data).stdout.strip()
    assert json.loads(cli.run("jobs", "show", new, DATA_DIR=data).stdout)["state"] == "queued"


def test_deliveries_are_listed_and_replayed(cli: Cli, data: str) -> None:
    cli.run("jobs", "cancel", "waits", DATA_DIR=data)
    [told] = lines(cli.run("jobs", "deliveries", "waits", "--json", DATA_DIR=data).stdout)
    assert (told["id"], told["state"], told["attempts"], told["log"]) == (1, "pending", 0, [])
    sending = {"DATA_DIR": data, "WEBHOOK_SECRET": "correct-horse-battery"}
    assert "on its way" in cli.run("jobs", "replay", "waits", "1", **sending).stderr
    store = SqlJobStore(f"sqlite:///{data}/jobs.sqlite3")
    deliveries, patience = store.deliveries(), Patience(max_age_s=1e12)
    deliveries.claim(lambda found: found.claimed(2e9, 30.0, patience), 2e9)
    deliveries.change("waits", 1, lambda found: found.answered(1, Answer(410), 2e9 + 0.25, patience, 0.5))
    store.close()
    [told] = lines(cli.run("jobs", "deliveries", "waits", "--json", DATA_DIR=data).stdout)
    at = "2033-05-18T03:33:20.000Z"
    assert told["log"] == [{"at": at, "status": 410, "error": None, "duration_ms": 250.0}]
    assert (told["state"], told["last_status"], told["next_attempt_at"]) == ("failed", 410, None)
    table = cli.run("jobs", "deliveries", "waits", DATA_DIR=data).stdout
    assert "410" in table
    assert cli.run("jobs", "replay", "waits", "1", **sending).stdout == "2\n"
    assert len(lines(cli.run("jobs", "deliveries", "waits", "--json", DATA_DIR=data).stdout)) == 2
    assert cli.run("jobs", "deliveries", "done", DATA_DIR=data).stdout == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ("show", "nobody"),
        ("cancel", "nobody"),
        ("cancel", "done"),
        ("retry", "waits"),
        ("list", "--state", "lost"),
        ("deliveries", "nobody"),
        ("replay", "done", "1"),
    ],
)
def test_what_cannot_be_is_told(cli: Cli, data: str, arguments: tuple[str, ...]) -> None:
    done = cli.run("jobs", *arguments, DATA_DIR=data)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr
