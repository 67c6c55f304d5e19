"""What a batch remembers, and the forms of its table."""

import csv
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet
from tests.fakes import make_report
from tests.onnx_models import write_registry

from dfd.aliases import Alias, Aliases, Note
from dfd.bootstrap import jobs as bootstrap_jobs
from dfd.cli.batch import Request, _check_choices, batch
from dfd.cli.batch_journal import Journal
from dfd.cli.batch_sources import items_of
from dfd.cli.batch_tables import COLUMNS, table_writer
from dfd.cli.choices import chosen_settings
from dfd.cli.output import Outcome, outcome_to_dict
from dfd.errors import ConfigurationError, InvalidParameter, UnreadableVideo
from dfd.registry.directory import DirectoryRegistry
from dfd.settings import load_settings
from dfd.storage.objects import ObstoreStorage, folder_storage
from dfd.types import Reason

SETTING = {"model": ["deepfake", "1"], "options": {"fps": 2.0}}
GOOD = outcome_to_dict(Outcome("a.mp4", make_report(reasons=(Reason.NEAR_THRESHOLD, Reason.NO_FACE))))
BAD = outcome_to_dict(Outcome("=b.mp4", UnreadableVideo("no video")))


# --- the journal --------------------------------------------------------------------------------------------------


def test_what_is_done_is_known_again_until_the_file_changes(tmp_path: Path) -> None:
    path = tmp_path / "r.csv.part"
    with Journal(path, SETTING) as journal:
        journal.add("a.mp4", "1", GOOD)
        journal.add("=b.mp4", "2", BAD)
    with Journal(path, SETTING) as journal:
        assert journal.knows("a.mp4", "1")
        assert not journal.knows("a.mp4", "other")
        assert not journal.knows("c.mp4", "1")
        assert list(journal.outcomes(["=b.mp4", "c.mp4", "a.mp4"])) == [BAD, GOOD]
        journal.add("a.mp4", "other", BAD)
        assert list(journal.outcomes(["a.mp4"])) == [BAD]
        journal.delete()
    assert not path.exists()


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_a_line_that_was_cut_short_is_done_again(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "r.csv.part"
    with Journal(path, SETTING) as journal:
        journal.add("a.mp4", "1", GOOD)
        journal.add("=b.mp4", "2", BAD)
    os.truncate(path, path.stat().st_size - cut)
    with Journal(path, SETTING) as journal:
        assert journal.knows("a.mp4", "1")
        assert not journal.knows("=b.mp4", "2")
        journal.add("=b.mp4", "2", BAD)
        assert list(journal.outcomes(["a.mp4", "=b.mp4"])) == [GOOD, BAD]
    assert len(path.read_text().splitlines()) == 3


def test_a_head_that_was_cut_short_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "r.csv.part"
    path.write_text('{"format": 1, "mod')
    with Journal(path, SETTING) as journal:
        assert len(journal) == 0
    assert json.loads(path.read_text()) == {"format": 1, **SETTING}


def test_another_batch_is_not_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "r.csv.part"
    with Journal(path, SETTING), pytest.raises(ConfigurationError, match="another batch"):
        Journal(path, SETTING)
    with pytest.raises(ConfigurationError, match="other options"):
        Journal(path, SETTING | {"options": {"fps": 3.0}})
    with pytest.raises(ConfigurationError, match="cannot be written"):
        Journal(tmp_path / "nowhere" / "r.csv.part", SETTING)


# --- the table ----------------------------------------------------------------------------------------------------


def test_csv(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    table_writer(path)(path, [GOOD, BAD])
    with path.open(encoding="utf-8", newline="") as file:
        first, second = csv.DictReader(file)
    assert list(first) == list(COLUMNS)
    assert (first["path"], first["verdict"], first["fake_probability"]) == ("a.mp4", "fake", "0.9")
    assert (first["reasons"], first["tracks"], first["duration_s"]) == ("near_threshold no_face", "1", "2.0")
    assert (second["path"], second["verdict"], second["error_code"]) == ("'=b.mp4", "", "unreadable_video")


def test_json_lines(tmp_path: Path) -> None:
    path = tmp_path / "r.JSONL"
    table_writer(path)(path, [GOOD, BAD])
    assert [json.loads(line) for line in path.read_text().splitlines()] == [GOOD, BAD]


def test_parquet(tmp_path: Path) -> None:
    path = tmp_path / "r.parquet"
    odd: dict[str, Any] = {**BAD, "path": "\udcff.mp4"}
    table_writer(path)(path, [GOOD, odd])
    first, second = parquet.read_table(path).to_pylist()
    assert list(first) == list(COLUMNS)
    assert (first["fake_probability"], first["scored_faces"], first["error_code"]) == (0.9, 4, None)
    assert (second["path"], second["fake_probability"]) == ("\\udcff.mp4", None)
    table_writer(path)(path, [])
    assert parquet.read_table(path).num_rows == 0


def test_a_table_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    path.write_text("old")

    def broken() -> Any:
        yield GOOD
        raise RuntimeError("bug")

    with pytest.raises(RuntimeError):
        table_writer(path)(path, broken())
    assert [entry.read_text() for entry in tmp_path.iterdir()] == ["old"]
    with pytest.raises(InvalidParameter):
        table_writer(tmp_path / "r.xlsx")


def test_parquet_says_what_it_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ConfigurationError, match="dfd\\[parquet\\]"):
        table_writer(tmp_path / "r.parquet")


def test_every_file_is_taken_once_and_changes_are_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a.mp4", "b.mp4", "c.txt"):
        (tmp_path / name).write_text(name)
    settings = load_settings()
    items = items_of([str(tmp_path), str(tmp_path / "a.mp4"), "missing.mp4"], settings)
    assert [Path(item.path).name for item in items] == ["a.mp4", "b.mp4", "missing.mp4"]
    (tmp_path / "a.mp4").write_text("longer")
    changed = items_of([str(tmp_path)], settings)
    assert changed[0].stamp != items[0].stamp
    assert changed[1] == items[1]


@pytest.mark.parametrize(
    "pattern",
    [
        "*.mp4",
        "**/*.mp4",
        "**",
        "*",
        "in*",
        "inner/*",
        "*/*.mp4",
        "?.mp4",
        "[ab].mp4",
        ".hidden/*",
        "**/inner/**/*.mp4",
        "inner",
        "a.mp4",
        "nothing*",
        "odd[[]1].mp4",
        "odd[1].mp4",
    ],
)
def test_a_pattern_in_a_bucket_stands_for_what_it_stands_for_on_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pattern: str
) -> None:
    names = ("a.mp4", "b.mp4", "odd[1].mp4", "c.txt", ".d.mp4", "inner/e.mp4", "inner/f.txt", "inner/deep/g.mp4")
    for name in (*names, ".hidden/h.mp4", "inner/.hidden/i.mp4", "other/j.mp4"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    roots: list[str] = []

    def as_bucket(_settings: object, url: str) -> ObstoreStorage:
        roots.append(url)
        return folder_storage(tmp_path / url.removeprefix("s3://bucket").strip("/"))

    monkeypatch.setattr(bootstrap_jobs, "open_bucket", as_bucket)
    settings = load_settings()
    on_disk = items_of([f"{tmp_path}/{pattern}"], settings)
    in_bucket = items_of([f"s3://bucket/{pattern}"], settings)
    assert {item.path.removeprefix("s3://bucket/") for item in in_bucket} == {
        str(Path(item.path).relative_to(tmp_path)) for item in on_disk
    }
    assert [type(item.error) for item in in_bucket] == [type(item.error) for item in on_disk]
    assert not [root for root in roots if "*" in root or "[" in root]


# --- options where workers are shared ------------------------------------------------------------------------------


@pytest.fixture
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DirectoryRegistry:
    """A table that is shared, and a registry whose version 1 answers."""
    monkeypatch.chdir(tmp_path)
    for version in ("1", "2"):
        write_registry(tmp_path / "models", version=version)
    registry = DirectoryRegistry(tmp_path / "models")
    registry.store_aliases("deepfake", Aliases().promoted("1", Alias.CHAMPION, Note(1.0, "ann", "first")))
    for name, value in {"MODELS_DIR": "models", "MODEL_VERSION": "1", "DATABASE_URL": "sqlite:///jobs.sqlite3"}.items():
        monkeypatch.setenv(name, value)
    return registry


def with_model(version: str) -> Request:
    return Request(
        sources=[],
        out=Path("r.csv"),
        settings=lambda: chosen_settings(model_name="deepfake", model_version=version),
        fail_on=frozenset(),
        debug=lambda: False,
        own_model=True,
    )


@pytest.mark.usefixtures("shared")
@pytest.mark.parametrize("workers", ["1", "3"])
def test_workers_of_a_batch_answer_nobody_else_with_another_model(
    workers: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOB_WORKERS", workers)
    with pytest.raises(InvalidParameter, match=r"--model.*deepfake/2 in place of deepfake/1.*MODEL_VERSION"):
        batch(with_model("2"))
    assert not Path("jobs.sqlite3").exists()


@pytest.mark.usefixtures("shared")
@pytest.mark.parametrize(("version", "workers"), [("1", "1"), ("champion", "1"), ("2", "0")])
def test_the_same_model_may_be_named_and_any_where_others_work(
    version: str, workers: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOB_WORKERS", workers)
    request = with_model(version)
    _check_choices(request, request.settings())
