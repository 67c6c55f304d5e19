"""What every adapter of `ObjectStorage` must do, and what each does besides."""

import hashlib
import itertools
import math
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from tests.fakes import FakeStorage
from tests.live_service import until
from tests.s3_faults import faulty
from tests.s3_server import S3Server, s3_server

from dfd.errors import ConfigurationError, StorageFull, StorageUnavailable
from dfd.ports.storage import ObjectStorage
from dfd.storage.objects import Patience, S3Access, folder_storage, s3_storage

MIB = 1024 * 1024
_BUCKETS = itertools.count(1)


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    folder = tmp_path_factory.mktemp("s3") / "buckets"
    folder.mkdir()
    with s3_server(folder) as server:
        yield server


@pytest.fixture
def bucket(s3: S3Server) -> str:
    name = f"bucket-{next(_BUCKETS)}"
    s3.make_bucket(name)
    return name


@pytest.fixture(params=["fake", "folder", "s3"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStorage:
    if request.param == "fake":
        return FakeStorage(clock=time.time)
    if request.param == "folder":
        return folder_storage(tmp_path / "files")
    server: S3Server = request.getfixturevalue("s3")
    return s3_storage(f"s3://{request.getfixturevalue('bucket')}/some/prefix", server.access)


def pieces(count: int, size: int = MIB) -> Iterator[bytes]:
    return (bytes([number % 256]) * size for number in range(count))


def digest(chunks: Iterator[bytes]) -> str:
    hashed = hashlib.sha256()
    for chunk in chunks:
        hashed.update(chunk)
    return hashed.hexdigest()


def test_a_file_comes_back_as_it_was(storage: ObjectStorage, tmp_path: Path) -> None:
    path = tmp_path / "source"
    path.write_bytes(b"".join(pieces(12)))
    storage.put("uploads/a", path)
    assert digest(storage.read("uploads/a")) == digest(pieces(12))
    with storage.local_file("uploads/a") as local:
        assert local.read_bytes() == path.read_bytes()


@pytest.mark.parametrize("count", [0, 1, 13])
def test_a_stream_comes_back_as_it_was(storage: ObjectStorage, count: int) -> None:
    storage.put("uploads/a", pieces(count))
    assert digest(storage.read("uploads/a")) == digest(pieces(count))


def test_the_later_write_wins(storage: ObjectStorage) -> None:
    storage.put("uploads/a", [b"first"])
    storage.put("uploads/a", [b"second"])
    assert b"".join(storage.read("uploads/a")) == b"second"


@pytest.mark.parametrize("good", [0, 1, 14])
def test_a_failed_write_leaves_nothing(storage: ObjectStorage, good: int) -> None:
    class Broken(Exception):
        pass

    def breaks_off() -> Iterator[bytes]:
        yield from pieces(good)
        raise Broken

    with pytest.raises(Broken):
        storage.put("uploads/a", breaks_off())
    assert list(storage.listed("uploads/")) == []
    with pytest.raises(StorageUnavailable):
        list(storage.read("uploads/a"))


def test_a_failed_write_leaves_what_was_there(storage: ObjectStorage) -> None:
    storage.put("uploads/a", [b"first"])

    def breaks_off() -> Iterator[bytes]:
        yield b"sec"
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        storage.put("uploads/a", breaks_off())
    assert b"".join(storage.read("uploads/a")) == b"first"


def test_what_is_not_there_is_said_before_the_first_byte(storage: ObjectStorage) -> None:
    with pytest.raises(StorageUnavailable):
        next(iter(storage.read("uploads/none")))
    with pytest.raises(StorageUnavailable), storage.local_file("uploads/none"):
        raise AssertionError


@pytest.mark.parametrize(
    ("start", "end"), [(0, None), (0, 1), (5, 9), (MIB - 1, 5 * MIB + 1), (9 * MIB, None), (10 * MIB, None), (7, 7)]
)
def test_a_part_comes_alone(storage: ObjectStorage, start: int, end: int | None) -> None:
    content = b"".join(pieces(9)) + b"the end"
    storage.put("uploads/a", [content])
    assert b"".join(storage.read("uploads/a", start, end)) == content[start:end]
    assert b"".join(storage.read("uploads/a", start, 20 * MIB)) == content[start:]


def test_a_reader_holds_a_few_pieces_and_may_leave(storage: ObjectStorage) -> None:
    storage.put("uploads/a", pieces(13))
    read = iter(storage.read("uploads/a"))
    assert 0 < len(next(read)) <= 5 * MIB
    del read
    storage.delete("uploads/a")


def test_deleting_twice_is_no_error(storage: ObjectStorage) -> None:
    storage.put("uploads/a", [b"x"])
    storage.delete("uploads/a")
    storage.delete("uploads/a")
    assert list(storage.listed("uploads/")) == []


def test_lists_what_lies_under_a_prefix(storage: ObjectStorage) -> None:
    before_s = time.time()
    assert list(storage.listed("uploads/")) == []
    for key in ("uploads/a", "uploads/b", "other/c"):
        storage.put(key, [b"xyz"])
    found = {entry.key: entry for entry in storage.listed("uploads/")}
    assert set(found) == {"uploads/a", "uploads/b"}
    assert found["uploads/a"].size_bytes == 3
    assert abs(found["uploads/a"].modified_s - before_s) < 120


def test_threads_do_not_mix_things_up(storage: ObjectStorage) -> None:
    def there_and_back(number: int) -> bool:
        content = bytes([number]) * (6 * MIB)
        storage.put(f"uploads/{number}", [content[: 5 * MIB], content[5 * MIB :]])
        return b"".join(storage.read(f"uploads/{number}")) == content

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(there_and_back, range(8)))


# --- a folder ---------------------------------------------------------------------------------------------------


def test_a_folder_needs_no_copy_has_no_addresses_and_is_private(tmp_path: Path) -> None:
    storage = folder_storage(tmp_path / "files")
    storage.put("uploads/a", [b"x"])
    with storage.local_file("uploads/a") as path:
        assert path == tmp_path / "files" / "uploads" / "a"
    assert storage.download_url("uploads/a", 60) is None
    assert (tmp_path / "files").stat().st_mode & 0o077 == 0


def test_a_folder_that_cannot_be_made_is_a_matter_of_settings(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="cannot be kept"):
        folder_storage(tmp_path / "file" / "files")


def test_a_full_disk_is_said_and_nothing_is_left(tmp_path: Path) -> None:
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small disk cannot be mounted here")
    try:
        storage = folder_storage(folder / "files")
        path = tmp_path / "large"
        path.write_bytes(bytes(8 * MIB))
        for source in (path, pieces(8)):
            with pytest.raises(StorageFull):
                storage.put("uploads/a", source)
            assert not [found for found in folder.rglob("*") if found.is_file()]
        until(lambda: _fits(storage))  # the system frees the room of what was removed a moment later
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def _fits(storage: ObjectStorage) -> bool:
    try:
        storage.put("uploads/a", [b"small"])
    except StorageFull:
        return False
    return True


@pytest.mark.parametrize("kind", ["path", "pieces"])
def test_a_limit_of_the_process_is_said_and_nothing_is_left(tmp_path: Path, kind: str) -> None:
    """In a process of its own, since such a limit cannot be raised again."""
    program = f"""
import resource, sys
from pathlib import Path
from dfd.errors import StorageFull
from dfd.storage.objects import folder_storage
folder = Path({str(tmp_path)!r})
(folder / "large").write_bytes(bytes({8 * MIB}))
resource.setrlimit(resource.RLIMIT_FSIZE, ({MIB}, {MIB}))
source = folder / "large" if {kind == "path"} else iter([bytes({MIB})] * 8)
try:
    folder_storage(folder / "files").put("uploads/a", source)
except StorageFull as error:
    sys.exit(0 if "os error" in str(error) else 3)
sys.exit(4)
"""
    assert subprocess.run([sys.executable, "-c", program], check=False, timeout=60).returncode == 0
    assert not [found for found in (tmp_path / "files").rglob("*") if found.is_file()]


# --- S3 -----------------------------------------------------------------------------------------------------------


def test_objects_on_s3_lie_under_the_prefix_and_copies_are_removed(s3: S3Server, bucket: str) -> None:
    storage = s3_storage(f"s3://{bucket}/some/prefix/", s3.access)
    storage.put("uploads/a", pieces(7))
    assert (s3.folder / bucket / "some" / "prefix" / "uploads" / "a").stat().st_size == 7 * MIB
    with storage.local_file("uploads/a") as path:
        assert path.is_file()
    assert not path.parent.exists()


def test_anyone_with_the_address_may_load_an_object_and_nothing_else(s3: S3Server, bucket: str) -> None:
    storage = s3_storage(f"s3://{bucket}", s3.access)
    storage.put("uploads/a", [b"content"])
    storage.put("uploads/b", [b"content"])
    url = storage.download_url("uploads/a", 60)
    assert url is not None and s3.access.secret_access_key is not None
    assert s3.access.secret_access_key not in url
    told = httpx.get(url)
    assert told.content == b"content"
    assert (told.headers["content-type"], told.headers["content-disposition"]) == (
        "application/octet-stream",
        "attachment",
    )
    assert httpx.get(url.replace("uploads/a", "uploads/b")).status_code == 403


def test_an_address_expires(s3: S3Server, bucket: str) -> None:
    storage = s3_storage(f"s3://{bucket}", s3.access)
    storage.put("uploads/a", [b"content"])
    url = storage.download_url("uploads/a", 1)
    assert url is not None
    until(lambda: httpx.get(url).status_code in (400, 403))  # rclone says 400, others say 403


@pytest.mark.parametrize(("start", "end"), [(0, None), (5, 4 * MIB), (4 * MIB - 1, 9 * MIB + 3), (9 * MIB, 10 * MIB)])
def test_parts_are_asked_for_piece_by_piece(s3: S3Server, bucket: str, start: int, end: int | None) -> None:
    """Of a server that answers with 206; rclone says 200 where it sends a part."""
    content = b"".join(pieces(9)) + b"the end"
    with faulty(s3.port) as proxy:
        proxy.says_206 = True
        storage = s3_storage(f"s3://{bucket}", replace(s3.access, endpoint=f"http://127.0.0.1:{proxy.port}"))
        storage.put("uploads/a", [content])
        before = proxy.parts
        assert b"".join(storage.read("uploads/a", start, end)) == content[start:end]
        assert proxy.parts - before == math.ceil(len(content[start:end]) / (4 * MIB))


def test_an_object_that_is_replaced_while_it_is_read_is_no_mixture(s3: S3Server, bucket: str) -> None:
    with faulty(s3.port) as proxy:
        proxy.says_206 = True
        storage = s3_storage(f"s3://{bucket}", replace(s3.access, endpoint=f"http://127.0.0.1:{proxy.port}"))
        storage.put("uploads/a", pieces(9))
        read = storage.read("uploads/a")
        next(read)
        storage.put("uploads/a", [b"x" * 9 * MIB])
        with pytest.raises(StorageUnavailable, match="replaced"):
            next(read)


def test_a_server_that_never_answers_is_given_up(tmp_path: Path) -> None:
    """Each call returns: a call without an end would hold a worker, or a caller, for ever."""
    (tmp_path / "source").write_bytes(bytes(12 * MIB))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        access = S3Access(f"http://127.0.0.1:{silent.getsockname()[1]}", "us-east-1", "key", "secret")
        storage = s3_storage("s3://bucket", access, Patience(1.0, request_s=0.3, repeat_s=0.5, repeats=1))
        calls: list[Callable[[], object]] = [
            lambda: storage.put("a", tmp_path / "source"),
            lambda: storage.put("a", [b"x"]),
            lambda: storage.read("a"),
            lambda: list(storage.listed("a/")),
            lambda: storage.delete("a"),
            lambda: storage.local_file("a").__enter__(),
        ]
        for call in calls:
            with pytest.raises(StorageUnavailable):
                call()


def test_a_wrong_key_is_told_and_not_shown(s3: S3Server, bucket: str) -> None:
    access = S3Access(s3.access.endpoint, "us-east-1", "KEY01", "wrong-secret")
    assert "wrong-secret" not in repr(access)
    with pytest.raises(StorageUnavailable) as caught:
        s3_storage(f"s3://{bucket}", access).put("uploads/a", [b"x"])
    assert "wrong-secret" not in str(caught.value)


@pytest.mark.parametrize("url", ["s3://", "http://host/bucket", ""])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="STORAGE_URL"):
        s3_storage(url, S3Access())
