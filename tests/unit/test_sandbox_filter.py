"""The filter of system calls, run by an interpreter of classic BPF of the tests' own, for both kinds of processor."""

import errno
import re
import struct
from pathlib import Path

import pytest

from dfd.sandbox.seccomp import program
from dfd.sandbox.syscalls import ALARMING, ALLOWED, CHECKED, Numbers

PID = 4711
ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
COLUMNS = {"x86_64": 0, "aarch64": 1}
ALLOW, KILL, REFUSE, UNKNOWN = 0x7FFF0000, 0x80000000, 0x50000 | errno.EPERM, 0x50000 | errno.ENOSYS
HEADERS = {
    "x86_64": Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    "aarch64": Path("/usr/include/asm-generic/unistd.h"),
}


def decided(machine: str, number: int, *arguments: int, architecture: int | None = None) -> int:
    """What the filter answers to a call: the semantics of ``linux/filter.h`` for the codes that it uses."""
    padded = [argument & (1 << 64) - 1 for argument in arguments] + [0] * (6 - len(arguments))
    data = struct.pack("<IIQ6Q", number, architecture or ARCHITECTURES[machine], 0, *padded)
    accumulator, at = 0, 0
    instructions = program(machine, PID)
    while True:
        code, if_true, if_false, operand = instructions[at]
        at += 1
        if code == 0x06:
            return operand
        if code == 0x20:
            (accumulator,) = struct.unpack_from("<I", data, operand)
            continue
        holds = {0x15: accumulator == operand, 0x35: accumulator >= operand, 0x45: bool(accumulator & operand)}[code]
        at += if_true if holds else if_false


def number_of(machine: str, name: str) -> int:
    number = {**ALLOWED, **CHECKED, **ALARMING}[name][COLUMNS[machine]]
    assert number is not None
    return number


@pytest.mark.parametrize("machine", ARCHITECTURES)
@pytest.mark.parametrize(("calls", "answer"), [(ALLOWED, ALLOW), (ALARMING, KILL)], ids=["allowed", "alarming"])
def test_each_known_call_has_its_answer(machine: str, calls: Numbers, answer: int) -> None:
    for numbers in calls.values():
        number = numbers[COLUMNS[machine]]
        if number is not None:
            assert decided(machine, number) == answer


@pytest.mark.parametrize("machine", ARCHITECTURES)
def test_every_other_call_is_refused(machine: str) -> None:
    known = {numbers[COLUMNS[machine]] for numbers in [*ALLOWED.values(), *CHECKED.values(), *ALARMING.values()]}

    assert {decided(machine, number) for number in range(600) if number not in known} == {REFUSE}


@pytest.mark.parametrize("machine", ARCHITECTURES)
@pytest.mark.parametrize(
    ("name", "arguments", "answer"),
    [
        ("clone", (0x3D0F00,), ALLOW),  # what pthread_create asks for
        ("clone", (17,), REFUSE),  # what fork asks for
        ("clone3", (), UNKNOWN),
        ("mmap", (0, 4096, 3), ALLOW),
        ("mmap", (0, 4096, 7), REFUSE),
        ("mprotect", (0, 4096, 1), ALLOW),
        ("mprotect", (0, 4096, 5), REFUSE),
        ("prctl", (15,), ALLOW),
        ("prctl", (38,), REFUSE),
        ("prlimit64", (0, 9, 0), ALLOW),
        ("prlimit64", (0, 9, 1), REFUSE),
        ("prlimit64", (0, 9, 1 << 40), REFUSE),
        ("fcntl", (3, 1030), ALLOW),
        ("fcntl", (3, 4), REFUSE),
        ("newfstatat", (3, 0, 0, 0x1000), ALLOW),
        ("newfstatat", (3, 0, 0, 0), REFUSE),
        ("sendto", (3, 1, 2, 0, 0), ALLOW),
        ("sendto", (3, 1, 2, 0, 1), REFUSE),
        ("sendto", (3, 1, 2, 0, 1 << 33), REFUSE),
        ("tgkill", (PID, PID, 6), ALLOW),
        ("tgkill", (1, 1, 9), REFUSE),
    ],
)
def test_arguments_decide(machine: str, name: str, arguments: tuple[int, ...], answer: int) -> None:
    assert decided(machine, number_of(machine, name), *arguments) == answer


@pytest.mark.parametrize("machine", ARCHITECTURES)
def test_calls_of_another_kind_of_processor_kill(machine: str) -> None:
    assert decided(machine, number_of(machine, "read"), architecture=0x40000003) == KILL  # 32-bit x86


def test_the_second_table_of_x86_kills() -> None:
    assert decided("x86_64", 0x40000000 + number_of("x86_64", "read")) == KILL


def test_a_call_has_one_answer() -> None:
    names = [*ALLOWED, *CHECKED, *ALARMING]

    assert len(names) == len(set(names))


@pytest.mark.parametrize("machine", ARCHITECTURES)
def test_numbers_are_the_kernels(machine: str) -> None:
    header = HEADERS[machine]
    if not header.exists():
        pytest.skip(f"the kernel's headers for {machine} are not installed")
    listed = {
        "newfstatat" if name == "fstatat" else name: int(number)
        for name, number in re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", header.read_text())
    }

    for name, numbers in {**ALLOWED, **CHECKED, **ALARMING}.items():
        assert listed.get(name) == numbers[COLUMNS[machine]], name


@pytest.mark.parametrize("machine", ARCHITECTURES)
def test_it_is_short_enough_for_the_kernel(machine: str) -> None:
    assert len(program(machine, PID)) < 4096
    assert all(0 <= jump <= 255 for one in program(machine, PID) for jump in one[1:3])
