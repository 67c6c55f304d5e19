"""``dfd models`` on a registry of its own."""

import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.cli_process import TIMEOUT_S, Cli, lines
from tests.onnx_models import write_registry
from tests.s3_server import s3_server

from dfd.aliases import Alias, Note
from dfd.errors import RegistryUnavailable
from dfd.manifest import ModelManifest
from dfd.registry.directory import DirectoryRegistry

AUC = {"cross_validation": {"video": {"auc": {"value": 0.75}}}}


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    """A registry with versions 1 and 2 of a mean model; version 2 has a figure."""
    write_registry(tmp_path / "models", version="1")
    write_registry(tmp_path / "models", version="2", metrics=AUC)
    return Cli(tmp_path, THREADS="1")


def registry(cli: Cli) -> DirectoryRegistry:
    return DirectoryRegistry(cli.folder / "models")


def made(cli: Cli, version: str = "3") -> Path:
    """A version that is not in the registry."""
    write_registry(cli.folder / "made", version=version)
    return cli.folder / "made" / "deepfake" / version


def test_versions_are_promoted_and_rolled_back_and_every_change_is_audited(cli: Cli) -> None:
    said = cli.run("models", "promote", "deepfake", "1", "--reason", "the first", "--actor", "ann").stdout
    assert said == "deepfake/1 is the champion now (revision 1), no version before\n"
    [line] = lines(cli.run("models", "promote", "deepfake", "2", "--reason", "better", "--json").stdout)
    assert (line["from"], line["to"], line["figures"]) == ("1", "2", {"cross_validation_auc_to": 0.75})
    cli.run("models", "promote", "deepfake", "1", "--reason", "look again", "--as", "challenger")
    table = cli.run("models", "show", "deepfake").stdout
    assert "promote champion: 1 -> 2" in table
    listed = lines(cli.run("models", "list", "--json").stdout)
    assert [(row["version"], row["aliases"]) for row in listed] == [
        ("1", ["challenger", "previous"]),
        ("2", ["champion"]),
    ]
    assert [row["cross_validation_auc"] for row in listed] == [None, 0.75]
    [line] = lines(cli.run("models", "rollback", "deepfake", "--reason", "worse after all", "--json").stdout)
    assert (line["from"], line["to"], line["figures"]) == ("2", "1", {"cross_validation_auc_from": 0.75})
    audit = (cli.folder / "models" / "deepfake" / "audit.jsonl").read_text()
    assert [(entry["action"], entry["reason"]) for entry in lines(audit)] == [
        ("promote", "the first"),
        ("promote", "better"),
        ("promote", "look again"),
        ("rollback", "worse after all"),
    ]
    assert next(entry["actor"] for entry in lines(audit)) == "ann"
    [shown] = lines(cli.run("models", "show", "deepfake", "--json").stdout)
    assert (shown["champion"], shown["challenger"], shown["previous"], shown["revision"]) == ("1", None, None, 4)


def test_an_alias_is_taken_wherever_a_version_is(cli: Cli, media: Path) -> None:
    clip = str(media / "fake.avi")
    missing = cli.run("predict", clip, "--json", MODEL_VERSION="champion")
    assert missing.returncode == 4
    assert "dfd models promote deepfake VERSION" in lines(missing.stdout)[0]["error"]["message"]
    cli.run("models", "promote", "deepfake", "1", "--reason", "first")
    cli.run("models", "promote", "deepfake", "2", "--reason", "to try", "--as", "challenger")
    [champion] = lines(cli.run("predict", clip, "--json", MODEL_VERSION="champion").stdout)
    [challenger] = lines(cli.run("predict", clip, "--json", "--model", "deepfake:challenger").stdout)
    assert (champion["model"]["version"], challenger["model"]["version"]) == ("1", "2")
    assert json.loads(cli.run("models", "show", "deepfake:champion", "--json").stdout)["version"] == "1"
    doctor = json.loads(cli.run("doctor", "--json", MODEL_VERSION="challenger").stdout)
    assert doctor["model"]["version"] == "2"


def test_a_version_that_holds_is_registered_once(cli: Cli) -> None:
    source = made(cli)
    (source / "MODEL_CARD.md").write_text("# Card")
    (source / "card").mkdir()
    (source / "card" / "curve.png").write_bytes(b"png")
    (source / "notes.txt").write_text("in no manifest")
    [row] = lines(cli.run("models", "register", str(source), "--json").stdout)
    assert (row["name"], row["version"]) == ("deepfake", "3")
    place = cli.folder / "models" / "deepfake" / "3"
    taken = {str(path.relative_to(place)) for path in place.rglob("*") if path.is_file()}
    assert taken == {"manifest.json", "model.onnx", "MODEL_CARD.md", "card/curve.png"}
    again = cli.run("models", "register", str(source))
    assert (again.returncode, again.stdout) == (4, "")
    assert "already" in again.stderr
    assert lines(cli.run("models", "verify", "deepfake:3", "--json").stdout)[0]["ok"]


Spoil = Callable[[Path, ModelManifest], None]


def _wrong_hash(folder: Path, manifest: ModelManifest) -> None:
    (folder / "model.onnx").write_bytes((folder / "model.onnx").read_bytes() + b"?")


def _wrong_contract(folder: Path, manifest: ModelManifest) -> None:
    replace(manifest, input=replace(manifest.input, size_px=32)).write(folder / "manifest.json")


def _wrong_answers(folder: Path, manifest: ModelManifest) -> None:
    replace(manifest, input=replace(manifest.input, value_max=255.0)).write(folder / "manifest.json")


def _no_answers(folder: Path, manifest: ModelManifest) -> None:
    replace(manifest, parity=None).write(folder / "manifest.json")


def _no_manifest(folder: Path, manifest: ModelManifest) -> None:
    (folder / "manifest.json").unlink()


BROKEN = [
    pytest.param(_wrong_hash, 4, "does not match its hash", id="hash"),
    pytest.param(_wrong_contract, 4, "takes crops of [64, 64, 3], but its manifest says [32, 32, 3]", id="contract"),
    pytest.param(_wrong_answers, 4, "answers otherwise here", id="parity"),
    pytest.param(_no_answers, 4, "has no `parity`", id="no parity"),
    pytest.param(_no_manifest, 2, "holds no manifest.json", id="no manifest"),
]


@pytest.mark.parametrize(("spoil", "code", "said"), BROKEN)
def test_a_version_that_does_not_hold_is_refused(cli: Cli, spoil: Spoil, code: int, said: str) -> None:
    source = made(cli)
    spoil(source, ModelManifest.read(source / "manifest.json"))
    done = cli.run("models", "register", str(source))
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr
    assert registry(cli).versions("deepfake") == ("1", "2")
    assert not list((cli.folder / "models" / "deepfake").glob(".incoming-*"))


@pytest.mark.parametrize(("spoil", "code", "said"), BROKEN[:4])
def test_a_version_that_holds_no_more_is_found_out_and_not_promoted(
    cli: Cli, spoil: Spoil, code: int, said: str
) -> None:
    folder = cli.folder / "models" / "deepfake" / "2"
    spoil(folder, ModelManifest.read(folder / "manifest.json"))
    verified = cli.run("models", "verify", "--json")
    rows = {row["model"]: row for row in lines(verified.stdout)}
    assert verified.returncode == 4
    assert (rows["deepfake/1"]["ok"], rows["deepfake/2"]["ok"], rows["deepfake aliases"]["ok"]) == (True, False, True)
    assert said in rows["deepfake/2"]["error"]
    refused = cli.run("models", "promote", "deepfake", "2", "--reason", "hope")
    assert (refused.returncode, refused.stdout) == (4, "")
    assert said in refused.stderr
    assert registry(cli).aliases("deepfake").revision == 0


def test_aliases_of_versions_that_are_gone_are_found_out(cli: Cli) -> None:
    cli.run("models", "promote", "deepfake", "2", "--reason", "first")
    shutil.rmtree(cli.folder / "models" / "deepfake" / "2")
    done = cli.run("models", "verify")
    assert done.returncode == 4
    assert "there is no version for: champion 2" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("promote", "deepfake", "7", "--reason", "x"), 4, "no model deepfake/7"),
        (("promote", "deepfake", "1", "--reason", " "), 2, "blank"),
        (("promote", "deepfake", "1"), 2, "--reason"),
        (("promote", "nobody", "1", "--reason", "x"), 4, "no model nobody/1"),
        (("rollback", "deepfake", "--reason", "x"), 4, "no previous champion"),
        (("show", "nobody"), 4, "no model nobody"),
        (("show", "../x"), 2, "NAME"),
        (("list", "nobody"), 4, "no model nobody"),
        (("register", "nowhere"), 2, "holds no manifest.json"),
    ],
)
def test_what_cannot_be_is_told(cli: Cli, arguments: tuple[str, ...], code: int, said: str) -> None:
    done = cli.run("models", *arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr


def test_a_version_comes_from_a_bucket(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "s3").mkdir()
    with s3_server(tmp_path / "s3") as server:
        shutil.copytree(made(cli), server.make_bucket("versions") / "new" / "3")
        access = server.access
        done = cli.run(
            *("models", "register", "s3://versions/new/3"),
            STORAGE_ENDPOINT=str(access.endpoint),
            STORAGE_ACCESS_KEY_ID=str(access.access_key_id),
            STORAGE_SECRET_ACCESS_KEY=str(access.secret_access_key),
        )
    assert done.returncode == 0, done.stderr
    assert registry(cli).load("deepfake", "3").manifest.version == "3"


@pytest.mark.faults
def test_two_processes_that_promote_at_once_lose_no_change(cli: Cli) -> None:
    """Whoever is told that the aliases changed meanwhile has changed nothing."""
    for version in ("3", "4"):
        registry(cli).add(made(cli, version), lambda _model: None)
    code = (
        "import sys; from pathlib import Path; from dfd.aliases import Alias, Note; "
        "from dfd.registry.directory import DirectoryRegistry; from dfd.errors import ModelConflict\n"
        "root, actor, mine = Path(sys.argv[1]), sys.argv[2], sys.argv[3]\n"
        "registry, won = DirectoryRegistry(root), 0\n"
        "for turn in range(100):\n"
        "    try:\n"
        "        seen = registry.aliases('deepfake')\n"
        "        version = mine if seen.champion != mine else '1'\n"
        "        note = Note(turn, actor, 'race')\n"
        "        registry.store_aliases('deepfake', seen.promoted(version, Alias.CHAMPION, note))\n"
        "        won += 1\n"
        "    except ModelConflict:\n"
        "        pass\n"
        "sys.stdout.write(str(won))\n"
    )
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(cli.folder / "models"), actor, mine],
            env=cli.environment,
            stdout=subprocess.PIPE,
            encoding="utf-8",
        )
        for actor, mine in (("ann", "3"), ("bob", "4"))
    ]
    won = {actor: int(racer.communicate(timeout=TIMEOUT_S)[0]) for actor, racer in zip("ab", racers, strict=True)}
    assert [racer.returncode for racer in racers] == [0, 0]
    audit = lines((cli.folder / "models" / "deepfake" / "audit.jsonl").read_text())
    assert [entry["revision"] for entry in audit] == list(range(1, sum(won.values()) + 1))
    assert sum(entry["actor"] == "ann" for entry in audit) == won["a"] > 0
    assert sum(entry["actor"] == "bob" for entry in audit) == won["b"] > 0
    for before, after in itertools.pairwise(audit):
        assert after["from"] == before["to"]
    assert registry(cli).aliases("deepfake").champion == audit[-1]["to"]


@pytest.fixture
def read_only(cli: Cli) -> Iterator[Path]:
    """A registry that this process may not write to, even where it runs as root."""
    folder = Path(tempfile.mkdtemp(prefix="dfd-models-"))
    folder.chmod(0o755)
    shutil.copytree(cli.folder / "models", folder / "models")
    for path in folder.rglob("*"):
        path.chmod(0o555 if path.is_dir() else 0o444)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield folder / "models"
    finally:
        os.seteuid(user)
        for path in folder.rglob("*"):
            if path.is_dir():
                path.chmod(0o755)
        shutil.rmtree(folder)


@pytest.mark.faults
def test_a_read_only_registry_answers_and_says_why_it_takes_nothing(read_only: Path) -> None:
    kept = DirectoryRegistry(read_only)
    assert kept.versions("deepfake") == ("1", "2")
    assert kept.load("deepfake", "1").manifest.version == "1"
    changed = kept.aliases("deepfake").promoted("1", Alias.CHAMPION, Note(0.0, "ann", "x"))
    with pytest.raises(
        RegistryUnavailable, match=r"cannot be written: Permission denied; promoting needs a MODELS_DIR"
    ):
        kept.store_aliases("deepfake", changed)
    assert kept.aliases("deepfake").revision == 0


def test_the_box_holds_what_it_promises(tmp_path: Path) -> None:
    done = Cli(tmp_path, MODELS_DIR=str(Path(__file__).parents[2] / "models")).run("models", "verify", "--json")
    rows = lines(done.stdout)
    assert done.returncode == 0, rows
    assert all(row["parity_max_logit_difference"] < 1e-3 for row in rows if "note" in row)
    assert sum("ONNX" in row.get("note", "") for row in rows) == len(rows) - 1
