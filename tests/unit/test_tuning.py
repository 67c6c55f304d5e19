"""The fastest way to divide the work is found by turns, and is used only where it was measured."""

import json
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes import FakeBackend, FakeDetector, FakeVideoOpener, make_manifest

from dfd.bootstrap import build_opener, build_parts
from dfd.bootstrap import tuning as tuning_module
from dfd.bootstrap.tuner import Rig
from dfd.bootstrap.tuning import machine_of, remember, tuning_of, with_tuning
from dfd.errors import ConfigurationError
from dfd.pipeline import Analyzer
from dfd.processors import processor_model
from dfd.settings import Settings, load_settings
from dfd.tuning import Tuning, fastest, usual
from dfd.video.sandboxed import SandboxedOpener

OTHER = Tuning(decoder_threads=5, call_threads=2, piece_crops=16, finds_ahead=True)


@pytest.fixture(autouse=True)
def _bare_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))


# --- looking for it -----------------------------------------------------------------------------------------------


def by(cost: Callable[[Tuning], Sequence[float] | None]) -> Callable[[Sequence[Tuning]], list[Sequence[float] | None]]:
    return lambda ways: [cost(way) for way in ways]


def test_each_choice_is_made_where_it_is_fastest() -> None:
    best = Tuning(decoder_threads=6, call_threads=2, piece_crops=32, finds_ahead=False)

    def cost(way: Tuning) -> list[float]:
        wrong = [getattr(way, name) != value for name, value in asdict(best).items()]
        return [1.0 + 0.5 * sum(wrong)] * 3

    found, tried = fastest(4, by(cost))
    assert found == best
    assert tried[0].tuning == usual(4)
    assert tried[-1].median_s in {1.0, 1.5}


@pytest.mark.parametrize(
    ("usual_s", "other_s"),
    [([1.0, 1.0, 1.0], [0.98, 0.98, 0.98]), ([1.0, 1.0, 1.0], [0.5, 0.5, 1.1]), ([1.0, 1.0, 1.0], None)],
    ids=["too-little", "not-in-every-turn", "another-report"],
)
def test_what_may_be_chance_or_changes_the_report_is_not_taken(usual_s: list[float], other_s: list[float]) -> None:
    found, _ = fastest(2, by(lambda way: usual_s if way == usual(2) else other_s))
    assert found == usual(2)


def test_one_thread_means_one() -> None:
    _, tried = fastest(1, by(lambda way: [1.0]))
    assert {replace(one.tuning, piece_crops=2) for one in tried} == {usual(1)}
    assert usual(1) == Tuning(decoder_threads=1, call_threads=1, piece_crops=2, finds_ahead=False)


@given(threads=st.integers(1, 64), seed=st.randoms(use_true_random=False))
def test_what_is_found_was_tried_and_keeps_the_report(threads: int, seed: object) -> None:
    costs: dict[Tuning, list[float] | None] = {usual(threads): [1.0, 1.0]}

    def cost(way: Tuning) -> list[float] | None:
        drawn = seed.choice([None, [0.5, 0.6], [0.9, 0.9], [2.0, 0.1]])  # type: ignore[attr-defined]
        return costs.setdefault(way, drawn)

    found, tried = fastest(threads, by(cost))
    assert found in [one.tuning for one in tried]
    assert costs[found] is not None


@pytest.mark.parametrize("wrong", [0, -1, 1025, 1.5, True, "2"])
def test_numbers_that_are_none_are_refused(wrong: int) -> None:
    for name in ("decoder_threads", "call_threads", "piece_crops"):
        with pytest.raises(ValueError, match="whole numbers from 1 to 1024"):
            replace(OTHER, **{name: wrong})  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="either found ahead or not"):
        replace(OTHER, finds_ahead=1)  # type: ignore[arg-type]


# --- measuring ----------------------------------------------------------------------------------------------------


def clock(steps: Sequence[float]) -> Callable[[], float]:
    def ticks() -> Iterator[float]:
        now = 0.0
        for step in steps:
            yield now
            now += step
            yield now

    return ticks().__next__


def test_ways_take_turns_and_one_with_another_report_has_no_time(tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(b"painted by the fake opener")
    built: list[Settings] = []

    def build(settings: Settings) -> Analyzer:
        built.append(settings)
        logit = 3.0 if settings.piece_crops == 16 else 2.0
        return Analyzer(FakeVideoOpener(), FakeDetector(), FakeBackend(logit), make_manifest(), lambda: 0.0)

    ways = [usual(2), replace(usual(2), decoder_threads=1), replace(usual(2), piece_crops=16)]
    steps = [1.0, 2.0, 9.0, 3.0, 4.0, 9.0]
    rig = Rig(load_settings(), clip, build, clock(steps), turns=2)
    assert rig.measure(ways) == [[1.0, 3.0], [2.0, 4.0], None]
    assert [tuning_of(settings) for settings in built] == ways


# --- remembering --------------------------------------------------------------------------------------------------


def test_what_was_measured_here_is_used(tmp_path: Path) -> None:
    settings = load_settings(threads=2)
    assert tuning_of(settings) == usual(2)
    assert remember(settings, OTHER) == tmp_path / "caches" / "dfd" / "tuning.json"
    assert tuning_of(settings) == OTHER
    remember(settings, replace(OTHER, piece_crops=4))
    assert tuning_of(settings).piece_crops == 4


def test_the_operators_word_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    remember(load_settings(threads=2), OTHER)
    for name, value in (("DECODER_THREADS", "3"), ("PIECE_CROPS", "8"), ("FINDS_AHEAD", "false")):
        monkeypatch.setenv(name, value)
    assert tuning_of(load_settings(threads=2)) == Tuning(
        decoder_threads=3, call_threads=OTHER.call_threads, piece_crops=8, finds_ahead=False
    )


@pytest.mark.parametrize(
    "change",
    [{"threads": 3}, {"model_version": "1"}, {"face_detector": "haar"}, {"device": "cpu"}, {"sandbox": False}],
    ids=lambda change: next(iter(change)),
)
def test_nothing_is_used_that_was_measured_for_something_else(change: dict[str, object]) -> None:
    remember(load_settings(threads=2), OTHER)
    settings = load_settings(**{"threads": 2, **change})
    assert tuning_of(settings) == usual(settings.cpu_threads)


@pytest.mark.parametrize(
    ("name", "value"),
    [("processor_model", "another"), ("available_cpus", 7), ("runtime_version", "0.1")],
)
def test_nothing_is_used_that_was_measured_on_another_machine(
    name: str, value: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    remember(load_settings(threads=2), OTHER)
    monkeypatch.setattr(tuning_module, name, lambda *_: value)
    assert tuning_of(load_settings(threads=2)) == usual(2)


def test_what_is_known_of_other_machines_is_kept() -> None:
    two, three = load_settings(threads=2), load_settings(threads=3)
    remember(two, OTHER)
    remember(three, replace(OTHER, call_threads=3))
    assert tuning_of(two) == OTHER
    assert tuning_of(three).call_threads == 3


@pytest.mark.parametrize(
    "content",
    [
        b"\xff",
        b"[]",
        b"{}",
        b'{"format": 1, "choices": ["x"]}',
        b'{"format": 1, "choices": 3}',
        b" " * (1 << 20) + b"{}",
    ],
    ids=["binary", "list", "empty", "word", "number", "long"],
)
def test_a_damaged_file_is_left_alone_and_told_of(
    content: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    place = tmp_path / "t.json"
    place.write_bytes(content)
    settings = load_settings(threads=2, tuning_file=place)
    with caplog.at_level(logging.WARNING):
        assert tuning_of(settings) == usual(2)
    assert "is left alone" in caplog.text
    remember(settings, OTHER)
    assert tuning_of(settings) == OTHER


def test_a_choice_out_of_range_is_left_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    place = tmp_path / "t.json"
    settings = load_settings(threads=2, tuning_file=place)
    choice = {"machine": machine_of(settings), "tuning": {**asdict(OTHER), "decoder_threads": 10**9}}
    place.write_text(json.dumps({"format": 1, "choices": [choice]}))
    assert tuning_of(settings) == usual(2)
    assert "whole numbers from 1 to 1024" in caplog.text


def test_a_file_of_another_format_is_none(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    place = tmp_path / "t.json"
    place.write_text('{"format": 2}')
    assert tuning_of(load_settings(threads=2, tuning_file=place)) == usual(2)
    assert caplog.text == ""


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="cannot write"):
        remember(load_settings(tuning_file=tmp_path / "file" / "t.json"), OTHER)


# --- using --------------------------------------------------------------------------------------------------------


def test_the_way_reaches_the_parts() -> None:
    settings = with_tuning(load_settings(threads=2), OTHER)
    opener = build_opener(settings)
    assert isinstance(opener, SandboxedOpener)
    assert opener._threads == OTHER.decoder_threads
    parts = build_parts(settings, opener=FakeVideoOpener(), model=(FakeBackend(), make_manifest()))
    assert parts.finds_ahead
    assert parts.analyzer()._found_ahead > 0


def test_processors_have_a_name(tmp_path: Path) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("processor\t: 0\nvendor_id\t: X\nmodel name\t: Fast 3000: the fourth\nprocessor\t: 1\n")
    assert processor_model(cpuinfo) == "Fast 3000: the fourth"
    cpuinfo.write_text("Hardware : a board\n")
    assert processor_model(cpuinfo) == processor_model(tmp_path / "none") != ""
