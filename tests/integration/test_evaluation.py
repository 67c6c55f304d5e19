"""An evaluation from list to report: with fakes that score by file name, with real encoders, and on real clips."""

import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.fakes import FakeBackend, FakeDetector, FakeVideoOpener, make_manifest, numbered_image
from tests.synthetic_video import paint_flat, paint_number, read_number, write_picture, write_video

from dfd.backends.onnx_runtime import OnnxRuntimeBackend
from dfd.errors import BackendUnavailable, ConfigurationError, InputError, UnreadableVideo
from dfd.evaluation.conditions import CLEAN, Condition, Conditions
from dfd.evaluation.document import METRICS_NAME, PAGE_NAME
from dfd.evaluation.openers import spoilt
from dfd.evaluation.reencoding import has_encoder
from dfd.evaluation.results import FILE_NAME
from dfd.evaluation.running import Runner
from dfd.evaluation.samples import SampleList, read_samples
from dfd.evaluation.setting import setting_of
from dfd.evaluation.study import Study
from dfd.faces.blazeface import BlazeFaceDetector
from dfd.pipeline import AnalysisOptions, Analyzer
from dfd.ports import ModelBackend, VideoOpener, VideoSource
from dfd.registry.directory import DirectoryRegistry
from dfd.settings import default_models_dir
from dfd.types import Frame
from dfd.video.pyav import PyAvOpener

QUICK = Conditions((Condition("GNC", 3), Condition("GB", 3)))
MANIFEST = make_manifest()


# --- with fakes ---------------------------------------------------------------------------------------------------


@dataclass
class NamedOpener(VideoOpener):
    """Opens a file as a video as blue as the number that its name ends with; one called ``bad...`` not at all."""

    opened: list[str] = field(default_factory=list)

    def open(self, path: Path) -> VideoSource:
        self.opened.append(path.name)
        if path.name.startswith("bad"):
            raise UnreadableVideo(f"{path.name} is no video")
        number = int(path.stem.rpartition("-")[2])
        return FakeVideoOpener(paint=lambda _index, _time_s: numbered_image(number)).open(path)


def blueness(crop: "np.ndarray[Any, np.dtype[np.float32]]") -> float:
    """A logit from -4 to 4."""
    return float(crop[..., 2].mean()) * 8 - 4


def make_list(folder: Path, *more: str) -> Path:
    """Reals with little blue, fakes with much, one of each in the other's range."""
    rows = [
        f"{name}-{blue},{name.partition('-')[0]},{family}"
        for name, blue, family in (
            ("real-a", 10, ""),
            ("real-b", 60, ""),
            ("real-c", 200, ""),
            ("real-d", 30, ""),
            ("fake-a", 240, "swap"),
            ("fake-b", 190, "swap"),
            ("fake-c", 40, "lipsync"),
            ("fake-d", 220, "lipsync"),
        )
    ]
    path = folder / "list.csv"
    path.write_text("\n".join(["path,label,family", *rows, *more]) + "\n", encoding="utf-8")
    for row in (*rows, *more):
        (folder / row.partition(",")[0]).write_bytes(row.encode())
    return path


def make_runner(opener: NamedOpener, backend: ModelBackend | None = None, **changes: Any) -> Runner:
    answers = backend or FakeBackend(logit=blueness)
    return replace(Runner(opener, lambda wrapped: Analyzer(wrapped, FakeDetector(), answers, MANIFEST)), **changes)


def make_study(listed: SampleList, out: Path, conditions: Conditions = QUICK, **changes: Any) -> Study:
    selection: dict[str, Any] = {
        "list": "list.csv",
        "list_sha256": "ab" * 32,
        "split": None,
        "slices": [],
        "group": None,
        "robustness": "quick",
    }
    setting = setting_of(MANIFEST, AnalysisOptions(), {}, selection, seed=0)
    return replace(Study(listed, conditions, setting, out, rounds=20), **changes)


def written(out: Path) -> tuple[bytes, bytes]:
    return (out / METRICS_NAME).read_bytes(), (out / PAGE_NAME).read_bytes()


def test_a_whole_evaluation(tmp_path: Path) -> None:
    listed = read_samples(make_list(tmp_path, "bad-1,fake,swap"))
    opener = NamedOpener()
    judged: list[str] = []
    study = make_study(listed, tmp_path / "out")
    measured = study.carry_out(make_runner(opener, done=judged.append))
    assert len(judged) == len(opener.opened) == 3 * 9
    assert study.unreadable() == ["bad-1"]
    assert measured["auc"]["value"] == pytest.approx(13 / 16, abs=1e-4)
    assert measured["coverage"]["errors"] == {"unreadable_video": 1}
    assert (measured["coverage"]["real"], measured["coverage"]["fake"]) == (4, 5)
    assert measured["frame"]["frames"] == 8 * 6
    assert measured["per_family"]["swap"]["auc"]["value"] == pytest.approx(7 / 8)
    assert [entry["kind"] for entry in measured["robustness"]["conditions"]] == ["GNC", "GB"]
    assert measured["robustness"]["conditions"][1]["auc_change"]["value"] == 0.0  # flat colours do not blur
    assert json.loads((tmp_path / "out" / METRICS_NAME).read_bytes()) == measured
    rows = (tmp_path / "out" / FILE_NAME).read_text(encoding="utf-8").splitlines()
    assert len(rows) == 1 + 3 * 9


def test_jobs_do_not_change_the_report(tmp_path: Path) -> None:
    listed = read_samples(make_list(tmp_path))
    for jobs in (1, 4):
        make_study(listed, tmp_path / str(jobs)).carry_out(make_runner(NamedOpener(), jobs=jobs))
    assert written(tmp_path / "1") == written(tmp_path / "4")


class Tired(FakeBackend):
    """Stops answering after so many crops."""

    left = 100

    def predict(self, batch: "np.ndarray[Any, np.dtype[np.float32]]") -> "np.ndarray[Any, np.dtype[np.float32]]":
        self.left -= len(batch)
        if self.left < 0:
            raise BackendUnavailable("the model does not answer")
        return super().predict(batch)


def test_a_run_that_was_cut_short_ends_like_an_unbroken_one(tmp_path: Path) -> None:
    listed = read_samples(make_list(tmp_path, "bad-1,real,"))
    make_study(listed, tmp_path / "unbroken").carry_out(make_runner(NamedOpener()))
    broken = make_study(listed, tmp_path / "broken", resume=True)
    with pytest.raises(BackendUnavailable):
        broken.carry_out(make_runner(NamedOpener(), Tired(logit=blueness)))
    assert not (tmp_path / "broken" / METRICS_NAME).exists()
    opener = NamedOpener()
    broken.carry_out(make_runner(opener))
    assert 0 < len(opener.opened) < 3 * 9
    assert written(tmp_path / "broken") == written(tmp_path / "unbroken")
    again = NamedOpener()
    broken.carry_out(make_runner(again))
    assert again.opened == []


def test_more_conditions_are_added_to_what_is_there(tmp_path: Path) -> None:
    listed = read_samples(make_list(tmp_path))
    make_study(listed, tmp_path / "out", Conditions()).carry_out(make_runner(NamedOpener()))
    opener = NamedOpener()
    make_study(listed, tmp_path / "out", resume=True).carry_out(make_runner(opener))
    assert len(opener.opened) == 2 * 8


def test_files_of_another_set_with_the_same_names_are_judged_again(tmp_path: Path) -> None:
    sets = [tmp_path / name for name in ("one", "other")]
    for folder in sets:
        folder.mkdir()
    first, _ = (make_list(folder) for folder in sets)
    (sets[1] / "real-a-10").write_bytes(b"another video")
    make_study(read_samples(first), tmp_path / "out").carry_out(make_runner(NamedOpener()))
    for path in sets[0].glob("*-*"):  # as a copy that keeps times would have it
        facts = path.stat()
        if path.name != "real-a-10":
            os.utime(sets[1] / path.name, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    other = read_samples(sets[1] / "list.csv")
    opener = NamedOpener()
    make_study(other, tmp_path / "out", resume=True).carry_out(make_runner(opener))
    assert opener.opened == ["real-a-10"] * 3
    again = NamedOpener()
    make_study(other, tmp_path / "out", resume=True).carry_out(make_runner(again))
    assert again.opened == []


def test_a_list_that_grew_is_gone_on_with(tmp_path: Path) -> None:
    path = make_list(tmp_path)
    make_study(read_samples(path), tmp_path / "out").carry_out(make_runner(NamedOpener()))
    (tmp_path / "fake-e-230").write_bytes(b"new")
    path.write_text(path.read_text(encoding="utf-8") + "fake-e-230,fake,swap\n", encoding="utf-8")
    opener = NamedOpener()
    make_study(read_samples(path), tmp_path / "out", resume=True).carry_out(make_runner(opener))
    assert opener.opened == ["fake-e-230"] * 3


def test_results_of_another_model_are_refused(tmp_path: Path) -> None:
    study = make_study(read_samples(make_list(tmp_path)), tmp_path / "out")
    study.carry_out(make_runner(NamedOpener()))
    other = replace(study.setting, model={**study.setting.model, "digest": "00" * 32})
    with pytest.raises(ConfigurationError, match=r"out holds results of another model .*digest was"):
        replace(study, setting=other, resume=True).carry_out(make_runner(NamedOpener()))


@pytest.mark.parametrize("changed", ["dfd", "backend", "detector_sha256"])
def test_results_of_other_code_or_another_backend_are_refused(tmp_path: Path, changed: str) -> None:
    study = make_study(read_samples(make_list(tmp_path)), tmp_path / "out", Conditions())
    study.carry_out(make_runner(NamedOpener()))
    other = replace(study.setting, analysis={**study.setting.analysis, changed: "another"})
    with pytest.raises(
        ConfigurationError, match=rf"out holds results of .* other settings \({changed} was .*'another'"
    ):
        replace(study, setting=other, resume=True).carry_out(make_runner(NamedOpener()))


def test_an_unreadable_video_stops_a_strict_run(tmp_path: Path) -> None:
    listed = read_samples(make_list(tmp_path, "bad-1,real,"))
    study = make_study(listed, tmp_path / "out", resume=True)
    with pytest.raises(InputError, match="bad-1 is no video"):
        study.carry_out(make_runner(NamedOpener(), strict=True))
    study.carry_out(make_runner(NamedOpener()))
    with pytest.raises(InputError, match="bad-1 is no video"):  # although its error is on record now
        study.carry_out(make_runner(NamedOpener(), strict=True))


def test_an_interrupt_stops_the_analyses_under_way(tmp_path: Path) -> None:
    """The first result interrupts; the endless video that is being read then must not hold up the end."""
    listed = read_samples(make_list(tmp_path))
    endless = NamedOpener()

    def stop(_name: str) -> None:
        raise KeyboardInterrupt

    class Endless(FakeVideoOpener):
        def open(self, path: Path) -> Any:
            if path.name.startswith("real-a"):
                return endless.open(path)
            source = FakeVideoOpener().open(path)
            source.sample = lambda times_s, *, with_next=False: _forever()  # type: ignore[method-assign]
            return source

    runner = Runner(
        Endless(), lambda wrapped: Analyzer(wrapped, FakeDetector(), FakeBackend(), MANIFEST), jobs=2, done=stop
    )
    with pytest.raises(KeyboardInterrupt):
        make_study(listed, tmp_path / "out").carry_out(runner)
    assert len((tmp_path / "out" / FILE_NAME).read_text(encoding="utf-8").splitlines()) == 2


def _forever() -> Any:
    index = 0
    while True:
        yield Frame(index, index / 30, numbered_image(index))
        index += 1


# --- with real encoders -------------------------------------------------------------------------------------------


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files, empty."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def frames_of(
    path: Path, condition: Condition, rate_hz: float = 120, check: Callable[[], None] = lambda: None
) -> list[Frame]:
    """Every frame of a video under a condition."""
    with spoilt(PyAvOpener(threads=1), condition, path.name, check).open(path) as source:
        count = max(1, round(source.info.duration_s * rate_hz))
        found = list(source.sample([number / rate_hz for number in range(count)]))
        assert source.complete
        return found


def loss(frames: list[Frame], clean: list[Frame]) -> float:
    return float(np.mean([np.abs(a.image.astype(int) - b.image).mean() for a, b in zip(frames, clean, strict=True)]))


def test_every_frame_is_encoded_anew_at_its_own_time(tmp_path: Path, scratch: Path) -> None:
    times_s = [0.0, 0.04, 0.08, 0.2, 0.24, 0.5, 0.54]
    path = write_video(tmp_path / "vfr.mp4", times_s=times_s, fps=25, size=(320, 192))
    clean = frames_of(path, CLEAN)
    worn = frames_of(path, Condition("VC", 1))
    assert [read_number(frame.image) for frame in worn] == list(range(7))
    assert [frame.pts_s for frame in worn] == pytest.approx([frame.pts_s for frame in clean], abs=1e-3)
    assert 0 < loss(worn, clean) < loss(frames_of(path, Condition("VC", 5)), clean)
    assert list(scratch.iterdir()) == []


def test_a_copy_lies_in_the_temporary_folder_only_while_it_is_open(tmp_path: Path, scratch: Path) -> None:
    path = write_video(tmp_path / "a.mp4", frames=5)
    with spoilt(PyAvOpener(threads=1), Condition("H264", 23), "a.mp4", lambda: None).open(path) as source:
        assert len(list(scratch.rglob("*.mp4"))) == 1
        source.close()
    assert list(scratch.iterdir()) == []


def test_the_same_video_is_encoded_to_the_same_picture(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", frames=12)
    first = frames_of(path, Condition("VC", 4))
    assert [loss(frames_of(path, Condition("VC", 4)), first) for _ in range(9)] == [0.0] * 9


@pytest.mark.skipif(not has_encoder("libx265"), reason="this build of FFmpeg has no H.265 encoder")
def test_h265(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", frames=8, size=(320, 256))
    assert [read_number(frame.image) for frame in frames_of(path, Condition("H265", 28))] == list(range(8))


def test_an_encoder_that_does_not_exist_is_not_there() -> None:
    assert has_encoder("libx264")
    assert not has_encoder("libx999")


@pytest.mark.parametrize("rotation_deg", [0, 90])
def test_large_videos_become_480p_upright_and_small_ones_stay(tmp_path: Path, rotation_deg: int) -> None:
    size = (1280, 720)
    path = write_video(tmp_path / "large.mp4", frames=3, size=size, rotation_deg=rotation_deg)
    height, width = frames_of(path, Condition("480p", 35))[0].image.shape[:2]
    assert (width, height) == ((854, 480) if rotation_deg == 0 else (480, 854))
    small = write_video(tmp_path / "small.mp4", frames=3, size=(322, 242))
    assert frames_of(small, Condition("480p", 35))[0].image.shape == (242, 322, 3)


def test_the_social_chain_gives_24_frames_a_second(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", frames=60, fps=60, size=(320, 192))
    frames = frames_of(path, Condition("social", 30))
    assert [frame.pts_s * 24 for frame in frames] == pytest.approx(list(range(25)), abs=0.01)
    assert read_number(frames[12].image) == pytest.approx(30, abs=1)


def test_colours_survive(tmp_path: Path) -> None:
    for size in ((320, 240), (1280, 720)):  # untagged, these would be taken for two colour spaces
        path = write_video(tmp_path / f"{size[0]}.mp4", frames=3, size=size, paint=paint_flat(200, 60, 30))
        clean, worn = (
            frames_of(path, condition)[0].image.mean(axis=(0, 1)) for condition in (CLEAN, Condition("H264", 23))
        )
        assert worn == pytest.approx(clean, abs=4)


def test_a_still_image_and_odd_sizes_can_be_encoded(tmp_path: Path) -> None:
    picture = write_picture(tmp_path / "a.png", paint_number(5, (201, 151)))
    [frame] = frames_of(picture, Condition("VC", 3))
    assert frame.image.shape == (152, 200, 3)


def test_work_on_a_copy_can_be_stopped(tmp_path: Path, scratch: Path) -> None:
    path = write_video(tmp_path / "a.mp4", frames=30)
    calls: list[int] = []

    def check() -> None:
        calls.append(1)
        if len(calls) == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        frames_of(path, Condition("VC", 1), check=check)
    assert len(calls) == 5
    assert list(scratch.iterdir()) == []


def test_what_cannot_be_encoded_is_unreadable(scratch: Path) -> None:
    needle = FakeVideoOpener(paint=lambda _index, _time_s: np.zeros((2, 40_000, 3), np.uint8))
    with pytest.raises(UnreadableVideo, match="cannot be encoded anew with libx264"):
        spoilt(needle, Condition("VC", 1), "a", lambda: None).open(Path("a"))
    assert list(scratch.iterdir()) == []


def test_damage_before_encoding_is_still_told(tmp_path: Path) -> None:
    base = FakeVideoOpener(break_after=10)

    class Switch(VideoOpener):
        def open(self, path: Path) -> VideoSource:
            return PyAvOpener(threads=1).open(path) if path.is_file() else base.open(path)

    with spoilt(Switch(), Condition("VC", 1), "a", lambda: None).open(tmp_path / "none.mp4") as source:
        assert len(list(source.sample((0.0, 0.1, 0.2)))) == 3
        assert not source.complete


def test_the_rate_of_the_copy_is_the_originals(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", frames=30, fps=Fraction(30000, 1001))
    with spoilt(PyAvOpener(threads=1), Condition("VC", 1), "a", lambda: None).open(path) as source:
        assert float(source.info.frame_rate_hz or 0) == pytest.approx(29.97, abs=0.05)
        assert source.info.frame_count == 30


# --- on real clips ------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.real_data
def test_real_clips(data_dir: Path, tmp_path: Path) -> None:
    """Four short clips with the shipped model: every figure is there, and a blur leaves no video without a face."""
    source = data_dir / "clips" / "faces.csv"
    if not source.is_file():
        pytest.skip("DFD_DATA_DIR holds no clips/faces.csv")
    listed = read_samples(source, "dev")
    chosen = []
    for is_fake in (False, True):
        by_person = {sample.group: sample for sample in listed.samples if sample.is_fake == is_fake}
        chosen += list(by_person.values())[:2]
    model = DirectoryRegistry(default_models_dir()).load("deepfake", "1")
    backend = OnnxRuntimeBackend(model.weights_path, model.manifest, 1)
    detector = BlazeFaceDetector(threads=1)
    runner = Runner(PyAvOpener(threads=1), lambda opener: Analyzer(opener, detector, backend, model.manifest))
    study = make_study(
        SampleList(tuple(chosen), listed.group_column, ()),
        tmp_path,
        Conditions((Condition("CS", 3), Condition("VC", 3))),
    )
    measured = study.carry_out(runner)
    assert measured["bootstrap"]["unit"] == "person"
    assert (measured["coverage"]["scored_real"], measured["coverage"]["scored_fake"]) == (2, 2)
    assert all(entry["coverage"] == 1.0 for entry in measured["robustness"]["conditions"])
    assert 0 <= measured["auc"]["low"] <= measured["auc"]["high"] <= 1
