"""A short form of ``make fuzz``: whatever is sent in, the service answers, and nothing is left behind."""

import asyncio
import logging
from pathlib import Path

import pytest
from tests.fuzz.bombs import BOMBS
from tests.fuzz.mutations import ALONE, spoilt
from tests.fuzz.running import Left, Service, service
from tests.fuzz.seeds import MAKERS, make_seeds

from dfd.errors import InputError
from dfd.ports import VideoOpener
from dfd.sampling import sampling_times
from dfd.video.pyav import PyAvOpener
from dfd.video.sandboxed import SandboxedOpener

COUNT = 600
SEED = 20261126
MOST_GROWTH_MB = 64


@pytest.fixture(scope="module")
def seeds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return make_seeds(tmp_path_factory.mktemp("seeds"))


async def _whole_files(running: Service, seeds: dict[str, bytes]) -> None:
    for name, data in seeds.items():
        await running.send(name, name, data, frozenset({200}))


async def _spoilt_files(running: Service, seeds: dict[str, bytes]) -> tuple[Left, Left]:
    before = running.left()
    for number in range(COUNT):
        one = spoilt(seeds, SEED, number)
        await running.send(f"{number} ({one.how})", one.name, one.data)
        if number == COUNT // 5:
            before = running.left()
    return before, running.left()


@pytest.mark.slow
def test_spoilt_files_do_no_harm(tmp_path: Path, seeds: dict[str, bytes], caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> tuple[Service, Left, Left]:
        async with service(tmp_path) as running:
            await _whole_files(running, seeds)
            return running, *await _spoilt_files(running, seeds)

    running, before, after = asyncio.run(run())

    assert running.wrong == []
    assert len(running.sent) == COUNT + len(seeds)
    assert after.things == before.things
    assert after.files == after.grandchildren == 0
    assert after.memory_mb <= before.memory_mb + MOST_GROWTH_MB
    assert {sent.status for sent in running.sent} >= {200, 422}
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


@pytest.mark.slow
def test_bombs_do_no_harm(tmp_path: Path) -> None:
    async def run() -> tuple[Service, Left, Left]:
        async with service(tmp_path) as running:
            before = running.left()
            for name, bomb in BOMBS.items():
                if not bomb.is_long:
                    path = tmp_path / name
                    bomb.make(path)
                    await running.send(name, name, path.read_bytes(), bomb.statuses)
            await running.send_without_end()
            return running, before, running.left()

    running, before, after = asyncio.run(run())

    assert running.wrong == []
    assert after.things == before.things


def test_a_number_names_a_file(seeds: dict[str, bytes]) -> None:
    first = [spoilt(seeds, SEED, number) for number in range(60)]

    assert [spoilt(seeds, SEED, number) for number in range(60)] == first
    assert len({one.data for one in first}) > 50
    assert sum(one.data not in seeds.values() for one in first) > 50


def test_every_way_and_every_kind_is_met(seeds: dict[str, bytes]) -> None:
    told = " ".join(spoilt(seeds, SEED, number).how for number in range(1000))

    assert [how for how in [*ALONE, "splice", *MAKERS] if how not in told] == []


def _seen(opener: VideoOpener, path: Path) -> list[object]:
    """All that an opener makes of a file, its error included."""
    found: list[object] = []
    try:
        with opener.open(path) as video:
            found.append(video.info)
            found += [
                (
                    frame.pts_s,
                    frame.scale,
                    frame.image.tobytes(),
                    None if (f := frame.following) is None else f.tobytes(),
                )
                for frame in video.sample(sampling_times(video.info.duration_s, 4.0, 16), with_next=True)
            ]
            found.append(video.complete)
    except InputError as error:
        found += [type(error), str(error)]
    return found


@pytest.mark.slow
def test_spoilt_files_look_the_same_from_a_process_of_their_own(tmp_path: Path, seeds: dict[str, bytes]) -> None:
    here, there = PyAvOpener(threads=1), SandboxedOpener(threads=1)
    chosen = [
        one
        for number in range(900)
        for one in [spoilt(seeds, SEED, number)]
        if number < 150 or one.how.startswith("ten_bits")  # damage leaves samples there that its format has no bits for
    ]
    for one in chosen:
        path = tmp_path / f"clip{Path(one.name).suffix}"
        path.write_bytes(one.data)

        assert _seen(there, path) == _seen(here, path), f"{one.number} ({one.how})"
    there.close()
