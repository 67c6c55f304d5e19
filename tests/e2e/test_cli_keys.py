"""``dfd keys`` and ``dfd audit`` on a table of their own."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from tests.cli_process import Cli, lines

from dfd.access.authenticator import Authenticator
from dfd.caller import EVERY_SCOPE, Allowance, Scope, new_key
from dfd.errors import Unauthorized
from dfd.job_store.sql import SqlJobStore
from dfd.signing import secret_of


def test_a_key_is_made_shown_once_listed_and_revoked(cli: Cli, tmp_path: Path) -> None:
    data = str(tmp_path / "data")
    asked = ("--tenant", "acme", "--scope", "analyse", "--scope", "jobs:read", "--days", "2", "--per-day", "5")
    made = cli.run("keys", "create", "[red]web", *asked, DATA_DIR=data)
    token = made.stdout.strip()
    assert token.startswith("dfd_")
    assert "not shown again" in made.stderr
    assert token not in made.stderr
    [told] = lines(cli.run("keys", "list", "--json", DATA_DIR=data).stdout)
    assert (told["name"], told["tenant"], told["scopes"]) == ("[red]web", "acme", ["analyse", "jobs:read"])
    assert (told["requests_per_day"], told["revoked_at"]) == (5, None)
    table = cli.run("keys", "list", DATA_DIR=data).stdout
    assert "[red]web" in table
    assert token[17:] not in table + json.dumps(told)
    assert cli.run("keys", "list", "--tenant", "other", DATA_DIR=data).stdout == ""

    store = SqlJobStore(f"sqlite:///{data}/jobs.sqlite3")
    now_s = store.keys().all_of()[0].created_at_s
    door = Authenticator(lambda: now_s, keys=store.keys())
    caller = door.caller_of(token)
    assert caller.tenant == "acme"
    assert caller.scopes == {Scope.ANALYSE, Scope.JOBS_READ}
    assert caller.allowance == Allowance(None, 5)
    assert cli.run("keys", "revoke", told["id"], DATA_DIR=data).stdout == f"{told['id']} is revoked\n"
    with pytest.raises(Unauthorized):
        door.caller_of(token)
    store.close()

    done = lines(cli.run("audit", "--json", DATA_DIR=data).stdout)
    assert [(entry["action"], entry["actor"], entry["tenant"]) for entry in done] == [
        ("key.revoked", "operator", "acme"),
        ("key.created", "operator", "acme"),
    ]
    assert "[red]web" in cli.run("audit", "--action", "key.created", DATA_DIR=data).stdout
    assert token not in json.dumps(done)


@pytest.mark.parametrize("days", ["36501", "9999999", "inf", "nan"])
def test_a_key_beyond_any_calendar_is_refused(cli: Cli, tmp_path: Path, days: str) -> None:
    data = str(tmp_path / "data")
    refused = cli.run("keys", "create", "web", "--days", days, DATA_DIR=data)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert cli.run("keys", "list", "--json", DATA_DIR=data).stdout == ""


def test_keys_beyond_any_calendar_that_are_there_are_listed(cli: Cli, tmp_path: Path) -> None:
    data = str(tmp_path / "data")
    assert cli.run("keys", "create", "web", "--days", "36500", DATA_DIR=data).returncode == 0
    store = SqlJobStore(f"sqlite:///{data}/jobs.sqlite3")
    kept, _ = new_key("old", "acme", EVERY_SCOPE, 1000.0, 50.0)
    store.keys().add(replace(kept, expires_at_s=864_000_000_000.0))
    store.close()
    listed = cli.run("keys", "list", "--tenant", "acme", "--json", DATA_DIR=data)
    assert [row["expires_at"] for row in lines(listed.stdout)] == ["9999-12-31T23:59:59.000Z"]
    assert cli.run("keys", "list", DATA_DIR=data).returncode == 0


def test_receivers_of_a_tenant_are_told_their_secret(cli: Cli) -> None:
    both = "correct-horse-battery,staple-and-more"
    shown = cli.run("keys", "webhook-secret", "acme", WEBHOOK_SECRET=both)
    assert shown.stdout.split() == [secret_of(secret, "acme") for secret in both.split(",")]
    assert not set(both.split(",")) & set(shown.stdout.split())
    assert "WEBHOOK_SECRET is not set" in cli.run("keys", "webhook-secret", "acme").stderr


def test_what_cannot_be_is_refused(cli: Cli, tmp_path: Path) -> None:
    data = str(tmp_path / "data")
    for wrong, why in ((("create", "web", "--tenant", "Acme Inc"), "tenant"), (("revoke", "0123456789ab"), "no key")):
        refused = cli.run("keys", *wrong, DATA_DIR=data)
        assert (refused.returncode, refused.stdout) == (2, "")
        assert why in refused.stderr
    assert cli.run("audit", DATA_DIR=data).stdout == ""
