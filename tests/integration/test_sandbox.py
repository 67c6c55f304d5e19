"""Children of the sandbox: what they may not do is tried in real ones."""

import os
import platform
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.hostile import ENTRY, TOLD

from dfd.errors import Unavailable
from dfd.sandbox.landlock import landlock_abi
from dfd.sandbox.launcher import Launcher
from dfd.sandbox.layers import Layer, Limits
from dfd.sandbox.nursery import EXIT_FAULT, EXIT_NO_MEMORY
from dfd.sandbox.nursery import Kind as ChildKind
from dfd.sandbox.seccomp import seccomp_supported
from dfd.sandbox.wire import Gone, TooSlow

LIMITS = Limits(memory_bytes=256 << 20, address_bytes=4 << 30, cpu_s=30, open_files=16)

needs_filter = pytest.mark.skipif(not seccomp_supported(), reason="this kernel filters no system calls")
on_x86 = pytest.mark.skipif(platform.machine() != "x86_64", reason="calls are made by their x86-64 numbers")


@pytest.fixture(scope="module")
def launcher() -> Iterator[Launcher]:
    launcher = Launcher(ENTRY, 8192)
    yield launcher
    launcher.close()


@pytest.fixture
def media(tmp_path: Path) -> Iterator[int]:
    path = tmp_path / "media"
    path.write_bytes(b"bytes of a stranger")
    fd = os.open(path, os.O_RDONLY)
    yield fd
    os.close(fd)


def told(launcher: Launcher, media: int, deed: str, limits: Limits = LIMITS) -> str:
    """What a child tells of a deed."""
    with launcher.spawn(limits, [media]) as child:
        child.channel.send(1, deed.encode())
        message = child.channel.receive(30)
        assert message.kind == TOLD, message
        return message.body.decode()


def ended(launcher: Launcher, media: int, deed: str, limits: Limits = LIMITS) -> int | None:
    """How a child ends that does something."""
    with launcher.spawn(limits, [media]) as child:
        child.channel.send(1, deed.encode())
        with pytest.raises(Gone):
            while True:
                assert child.channel.receive(30).kind == ChildKind.FAILED
        return child.end()


def test_everything_that_this_kernel_has_is_in_force(launcher: Launcher) -> None:
    found = launcher.examine(LIMITS)

    assert Layer.LIMITS | Layer.NO_NEW_PRIVILEGES in found.layers
    assert (Layer.SECCOMP in found.layers) == seccomp_supported()
    assert found.landlock_abi == landlock_abi()
    assert (Layer.LANDLOCK in found.layers) == (landlock_abi() > 0)
    assert Layer.UNPRIVILEGED in found.layers
    assert not found.missing & found.layers
    assert found.missing | found.layers == Layer(127)


def test_it_may_read_what_it_was_given_and_start_threads(launcher: Launcher, media: int) -> None:
    assert told(launcher, media, "read what was handed over") == "bytes"
    assert told(launcher, media, "start threads") == "20"


def test_it_has_nothing_else_open(launcher: Launcher, media: int) -> None:
    assert len(told(launcher, media, "list descriptors").split(",")) == 5  # 0, 1 and 2, its channel and its file


def test_it_is_not_root(launcher: Launcher, media: int) -> None:
    assert not told(launcher, media, "who am I").startswith("(0, ")


@needs_filter
@pytest.mark.parametrize(
    "deed",
    [
        "write to it",
        "open a file",
        "look at a file",
        "make a file",
        "make a file in memory",
        "map memory to run",
        "signal the parent",
    ],
)
def test_what_it_may_not_do_is_refused(launcher: Launcher, media: int, deed: str) -> None:
    answer = told(launcher, media, deed)

    assert answer in {"EPERM", "EACCES", "EBADF", "ENOENT"}


@needs_filter
@on_x86
@pytest.mark.parametrize("deed", ["clone a process", "raise a limit"])
def test_what_it_may_not_do_with_some_arguments_is_refused(launcher: Launcher, media: int, deed: str) -> None:
    assert told(launcher, media, deed) == "EPERM"


@needs_filter
@pytest.mark.parametrize("deed", ["open a socket", "run a program"])
def test_what_only_an_attacker_does_is_its_end(launcher: Launcher, media: int, deed: str) -> None:
    assert ended(launcher, media, deed) == -signal.SIGSYS


@needs_filter
@on_x86
@pytest.mark.parametrize("deed", ["trace a process", "use the second table of calls"])
def test_calls_by_number_are_its_end(launcher: Launcher, media: int, deed: str) -> None:
    assert ended(launcher, media, deed) == -signal.SIGSYS


@needs_filter
def test_it_starts_no_process(launcher: Launcher, media: int) -> None:
    with launcher.spawn(LIMITS, [media]) as child:
        child.channel.send(1, b"fork")
        try:
            assert child.channel.receive(30).body == b"EPERM"  # the C library forks by clone
        except Gone:
            assert child.end() == -signal.SIGSYS  # or by fork


def test_memory_is_bounded(launcher: Launcher, media: int) -> None:
    taken = told(launcher, media, "take memory")

    assert taken.endswith(" MiB")
    assert 32 <= int(taken.split()[0]) <= 256


def test_processor_time_is_bounded(launcher: Launcher, media: int) -> None:
    limits = Limits(256 << 20, 4 << 30, cpu_s=1, open_files=16)

    assert ended(launcher, media, "spin", limits) == -signal.SIGXCPU


@pytest.mark.parametrize(
    ("deed", "status"),
    [("crash", -signal.SIGSEGV), ("leave", 7), ("raise", EXIT_FAULT), ("need memory", EXIT_NO_MEMORY)],
)
def test_how_it_ended_is_known(launcher: Launcher, media: int, deed: str, status: int) -> None:
    assert ended(launcher, media, deed) == status


def test_one_that_says_nothing_is_waited_for_only_so_long(launcher: Launcher, media: int) -> None:
    with launcher.spawn(LIMITS, [media]) as child:
        child.channel.send(1, b"sleep")
        with pytest.raises(TooSlow):
            child.channel.receive(0.2)

        assert child.end() == -signal.SIGKILL
        assert child.end() == -signal.SIGKILL


def test_children_go_with_the_nursery_and_a_new_one_comes(launcher: Launcher, media: int) -> None:
    with launcher.spawn(LIMITS, [media]) as child:
        launcher.close()
        with pytest.raises(Gone):
            child.channel.receive(30)
        assert child.end() is None

    assert told(launcher, media, "read what was handed over") == "bytes"


def test_an_answer_that_comes_too_late_is_not_taken_for_another(media: int, monkeypatch: pytest.MonkeyPatch) -> None:
    launcher = Launcher(ENTRY, 8192)
    with launcher.spawn(LIMITS, [media]) as child, monkeypatch.context() as hurried:
        os.kill(child.nursery_pid, signal.SIGSTOP)
        hurried.setattr("dfd.sandbox.launcher._ANSWER_S", 0.1)
        assert child.end() is None
        os.kill(child.nursery_pid, signal.SIGCONT)

    answers = [told(launcher, media, "read what was handed over") for _ in range(3)]
    launcher.close()

    assert answers == ["bytes"] * 3


def test_a_distrusted_child_gets_no_sibling(launcher: Launcher, media: int) -> None:
    with launcher.spawn(LIMITS, [media]) as child, launcher.spawn(LIMITS, [media]) as sibling:
        child.distrust()
        child.end()
        sibling.channel.send(1, b"who am I")

        assert sibling.channel.receive(30).kind == TOLD
        assert told(launcher, media, "read what was handed over") == "bytes"


def test_threads_share_a_launcher(launcher: Launcher, media: int) -> None:
    answers: list[str] = []
    threads = [
        threading.Thread(target=lambda: answers.append(told(launcher, media, "read what was handed over")))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert answers == ["bytes"] * 8


def open_here() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_nothing_is_left_open(launcher: Launcher, media: int) -> None:
    told(launcher, media, "read what was handed over")
    before = open_here()
    for _ in range(20):
        told(launcher, media, "read what was handed over")

    assert open_here() == before


def test_code_that_cannot_be_loaded_is_told() -> None:
    with pytest.raises(Unavailable, match="No module named"):
        Launcher("tests.no_such_module:serve", 8192).examine(LIMITS)


def test_the_environment_stays_here(launcher: Launcher, media: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JWT_SECRET", "not for children to know")
    fresh = Launcher(ENTRY, 8192)
    with fresh.spawn(LIMITS, [media]) as child:
        found = Path(f"/proc/{child.nursery_pid}/environ").read_bytes()
    fresh.close()

    assert b"OPENBLAS_NUM_THREADS" in found
    assert b"not for children" not in found
