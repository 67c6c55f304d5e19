"""``dfd models rollout`` on a registry and a database of its own, without a service."""

import json
from pathlib import Path

import pytest
from tests.cli_process import Cli, lines
from tests.onnx_models import write_registry


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    """A registry whose champion is version 1; version 2 may be tried."""
    for version in ("1", "2"):
        write_registry(tmp_path / "models", version=version)
    made = Cli(tmp_path, THREADS="1", DATA_DIR=str(tmp_path / "data"))
    assert made.run("models", "promote", "deepfake", "1", "--reason", "first").returncode == 0
    return made


def audited(cli: Cli) -> list[tuple[str, str, str | None, str]]:
    audit = lines((cli.folder / "models" / "deepfake" / "audit.jsonl").read_text())
    return [(line["action"], line["alias"], line["to"], line["actor"]) for line in audit[1:]]


def test_a_rollout_is_started_shown_and_promoted_by_hand(cli: Cli) -> None:
    (cli.folder / "policy.json").write_text(json.dumps({"ks": None, "min_observations": 30}))
    began = cli.run(
        *("models", "rollout", "start", "deepfake", "2", "--reason", "to see", "--actor", "ann"),
        *("--share", "0.25", "--policy", str(cli.folder / "policy.json")),
    )
    assert began.stdout.startswith("deepfake/2 answers 0.25 of the files from now on, beside version 1 (rollout ")
    shown = cli.run("models", "rollout", "status", "deepfake").stdout
    assert "canary, share 0.25, running" in shown
    assert "latency_ratio" in shown
    [row] = lines(cli.run("models", "rollout", "status", "deepfake", "--json").stdout)
    assert (row["state"], row["policy"]["min_observations"], row["begun"]["actor"]) == ("running", 30, "ann")
    assert "ks" not in {rail["name"] for rail in row["rails"]}
    second = cli.run("models", "rollout", "start", "deepfake", "2", "--reason", "again")
    assert second.returncode == 4
    assert "is running" in second.stderr
    won = cli.run("models", "rollout", "promote", "deepfake", "--reason", "better", "--actor", "bob").stdout
    assert won == "the rollout of deepfake/2 is promoted: version 2 answers\n"
    assert audited(cli) == [("promote", "challenger", "2", "ann"), ("promote", "champion", "2", "bob")]
    assert "none" not in cli.run("models", "show", "deepfake").stdout.split("revision")[0]


def test_a_rollout_that_is_stopped_leaves_no_challenger(cli: Cli) -> None:
    cli.run("models", "promote", "deepfake", "2", "--as", "challenger", "--reason", "next")
    began = cli.run("models", "rollout", "start", "deepfake", "--mode", "shadow", "--reason", "to see")
    assert "scores aside 0.25 of the files" in began.stdout
    [row] = lines(cli.run("models", "rollout", "stop", "deepfake", "--reason", "enough", "--json").stdout)
    assert (row["state"], row["settled"], row["ended"]["reason"]) == ("stopped", True, "enough")
    assert audited(cli)[-1][:3] == ("withdraw", "challenger", None)
    assert "withdraw challenger: 2 -> none" in cli.run("models", "show", "deepfake").stdout
    assert cli.run("models", "rollout", "stop", "deepfake", "--reason", "x").returncode == 4


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("start", "deepfake", "7", "--reason", "x"), 4, "no model deepfake/7"),
        (("start", "deepfake", "--reason", "x"), 4, "is challenger"),
        (("start", "deepfake", "1", "--reason", "x"), 2, "cannot challenge itself"),
        (("start", "deepfake", "2", "--reason", " "), 2, "blank"),
        (("start", "deepfake", "2", "--reason", "x", "--share", "0"), 2, "share of traffic"),
        (("start", "deepfake", "2", "--reason", "x", "--policy", "none.json"), 2, "cannot be read"),
        (("start", "deepfake", "2", "--reason", "x", "--policy", "wrong.json"), 2, "unknown kss"),
        (("status", "deepfake"), 4, "there was no rollout"),
        (("promote", "deepfake", "--reason", "x"), 4, "no rollout of deepfake is running"),
    ],
)
def test_what_cannot_be_is_told(cli: Cli, arguments: tuple[str, ...], code: int, said: str) -> None:
    (cli.folder / "wrong.json").write_text('{"kss": 1}')
    done = cli.run("models", "rollout", *arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr
    assert audited(cli) == []
