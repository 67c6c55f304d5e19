"""Backups over a storage in memory: whole or not at all, damage noticed, nothing replaced unasked."""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.fakes import FakeStorage, make_job

from dfd.backup.archive import Archive, sha256_of
from dfd.backup.copying import PREFIXES, Backups
from dfd.errors import (
    ConfigurationError,
    DfdError,
    JobStoreUnavailable,
    RestoreRefused,
    StorageUnavailable,
    UnreadableBackup,
)
from dfd.job_store.sql import SqlJobStore
from dfd.jobs.desk import UPLOADS

CONTENT = b"a video, more or less"
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@dataclass
class Place:
    store: SqlJobStore
    storage: FakeStorage = field(default_factory=FakeStorage)

    @property
    def backups(self) -> Backups:
        return Backups(self.store.copier(), self.storage, lambda: 500.0, "1.2.3")

    def accept(self, *job_ids: str) -> None:
        for job_id in job_ids:
            self.storage.put(f"uploads/{job_id}", iter([CONTENT]))
            self.store.add([make_job(job_id, input_sha256=DIGEST)])


@pytest.fixture
def new_place(tmp_path: Path) -> Iterator[Callable[[], Place]]:
    made: list[Place] = []

    def make() -> Place:
        place = Place(SqlJobStore(f"sqlite:///{tmp_path / f'{len(made)}.sqlite3'}"))
        place.store.migrate()
        made.append(place)
        return place

    yield make
    for place in made:
        place.store.close()


@pytest.fixture
def full(new_place: Callable[[], Place]) -> Place:
    place = new_place()
    place.accept("a", "b")
    place.storage.objects["of-others/c"] = b"not ours"
    return place


def test_what_is_named_is_copied_and_comes_back(full: Place, new_place: Callable[[], Place], tmp_path: Path) -> None:
    folder, empty = tmp_path / "some" / "backup", new_place()
    made = full.backups.create(folder)
    assert (made.tables["jobs"].lines, made.objects.lines, made.object_bytes) == (2, 2, 2 * len(CONTENT))
    assert (made.created_at_s, made.dfd_version, made.missing) == (500.0, "1.2.3", ())
    assert not folder.with_name("backup.part").exists()
    assert folder.stat().st_mode & 0o077 == 0
    assert Archive(folder).verified() == made
    assert empty.backups.restore(folder) == made
    assert empty.storage.objects == {f"uploads/{name}": CONTENT for name in "ab"}
    assert empty.store.get("a") == full.store.get("a")


def test_files_without_a_job_are_left_out_and_those_that_went_meanwhile_are_named(full: Place, tmp_path: Path) -> None:
    full.storage.put("uploads/orphan", iter([b"nobody's"]))
    del full.storage.objects["uploads/b"]
    made = full.backups.create(tmp_path / "backup")
    assert made.missing == ("uploads/b",)
    assert [kept.key for kept in Archive(tmp_path / "backup").objects()] == ["uploads/a"]


def test_a_file_that_is_not_what_was_handed_in_is_no_backup(full: Place, tmp_path: Path) -> None:
    full.storage.objects["uploads/b"] = b"something else"
    with pytest.raises(StorageUnavailable, match="not the file that was handed in"):
        full.backups.create(tmp_path / "backup")
    assert not list(tmp_path.glob("backup*"))


def test_what_breaks_off_leaves_nothing(full: Place, tmp_path: Path) -> None:
    full.storage.error = StorageUnavailable("away")
    with pytest.raises(StorageUnavailable):
        full.backups.create(tmp_path / "backup")
    assert not list(tmp_path.glob("backup*"))
    (tmp_path / "file").touch()
    full.storage.error = None
    with pytest.raises(ConfigurationError, match="cannot be written"):
        full.backups.create(tmp_path / "file" / "backup")


def test_a_backup_is_never_written_over(full: Place, tmp_path: Path) -> None:
    full.backups.create(tmp_path / "backup")
    with pytest.raises(RestoreRefused, match="there already"):
        full.backups.create(tmp_path / "backup")


def _cut(path: Path, count: int = 1) -> None:
    path.write_bytes(path.read_bytes()[:-count])


def _lead_out(folder: Path) -> None:
    (folder / "objects.jsonl").write_text(json.dumps({"key": "../x", "size_bytes": 1, "sha256": DIGEST}) + "\n")
    told = json.loads((folder / "backup.json").read_text())
    told["objects"]["sha256"] = sha256_of(folder / "objects.jsonl")
    (folder / "backup.json").write_text(json.dumps(told))


DAMAGES: dict[str, Callable[[Path], object]] = {
    "no manifest": lambda folder: (folder / "backup.json").unlink(),
    "half a manifest": lambda folder: _cut(folder / "backup.json", 30),
    "another format": lambda folder: (folder / "backup.json").write_text('{"format": 2}'),
    "a list for a manifest": lambda folder: (folder / "backup.json").write_text("[]"),
    "rows cut": lambda folder: _cut(folder / "tables" / "jobs.jsonl"),
    "rows gone": lambda folder: (folder / "tables" / "jobs.jsonl").unlink(),
    "an object changed": lambda folder: (folder / "objects/uploads/a").write_bytes(b"x" * len(CONTENT)),
    "an object gone": lambda folder: (folder / "objects/uploads/a").unlink(),
    "the list cut": lambda folder: _cut(folder / "objects.jsonl"),
    "a key that leads out": _lead_out,
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_noticed_before_anything_is_written(
    damage: str, full: Place, new_place: Callable[[], Place], tmp_path: Path
) -> None:
    folder, empty = tmp_path / "backup", new_place()
    full.backups.create(folder)
    DAMAGES[damage](folder)
    with pytest.raises(UnreadableBackup):
        Archive(folder).verified()
    with pytest.raises(UnreadableBackup):
        empty.backups.restore(folder)
    assert empty.store.copier().is_empty()
    assert empty.storage.objects == {}


def test_what_is_there_is_replaced_only_when_that_is_asked_for(
    full: Place, new_place: Callable[[], Place], tmp_path: Path
) -> None:
    folder = tmp_path / "backup"
    full.backups.create(folder)
    by_rows, by_files = new_place(), new_place()
    by_rows.store.add([make_job("later", input_key=None)])
    by_files.storage.put("uploads/later", iter([b"x"]))
    for place in (by_rows, by_files):
        with pytest.raises(RestoreRefused, match="--force"):
            place.backups.restore(folder)
        place.backups.restore(folder, force=True)
        assert place.storage.objects == {f"uploads/{name}": CONTENT for name in "ab"}
        assert place.store.get("later") is None
    full.backups.restore(folder, force=True)  # what is not ours stays
    assert full.storage.objects["of-others/c"] == b"not ours"


class Broken(SqlJobStore):
    """Its database goes away before rows are written."""

    def copier(self):  # type: ignore[no-untyped-def]
        copier = super().copier()

        def away(*_: object) -> None:
            raise JobStoreUnavailable("away")

        copier.restore = away  # type: ignore[method-assign,assignment]
        return copier


class Changing(FakeStorage):
    """A storage whose disk changes what it is given."""

    def read(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        return iter([b"something else"])


def test_a_restore_that_fails_leaves_an_empty_service_empty(full: Place, tmp_path: Path) -> None:
    folder = tmp_path / "backup"
    full.backups.create(folder)
    store = Broken(f"sqlite:///{tmp_path / 'broken.sqlite3'}")
    store.migrate()
    for place, error in (
        (Place(store), JobStoreUnavailable),
        (Place(store, Changing()), StorageUnavailable),
    ):
        with pytest.raises(DfdError) as raised:
            place.backups.restore(folder)
        assert isinstance(raised.value, error)
        assert place.storage.objects == {}
    store.close()


def test_a_backup_looks_for_files_where_jobs_put_them() -> None:
    assert PREFIXES == (UPLOADS,)
