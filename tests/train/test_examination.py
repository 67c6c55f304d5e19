"""The exported model on videos, and its card: once with fakes of every port, once with the shipped model."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.evaluated import mixed
from tests.fakes import FakeBackend, FakeDetector, FakeVideoOpener, make_detection, make_manifest, make_video_info
from tests.train.card_material import measured_of
from tests.train.test_training import make_clip
from typer.testing import CliRunner

from dfd.errors import ConfigurationError
from dfd.evaluation.document import METRICS_NAME
from dfd.evaluation.setting import digest
from dfd.manifest import ModelManifest
from dfd.pipeline import Analyzer
from dfd.ports import VideoOpener
from dfd.registry.directory import DirectoryRegistry
from dfd.types import FloatArray, ImageU8, Reason, Verdict
from dfd_train.card import Answer, sample_clips, show_failures
from dfd_train.card.failures import DAMAGES
from dfd_train.card.pictures import failure_sheet
from dfd_train.cli import app
from dfd_train.datasets import Clip, DatasetError, sha256_of
from dfd_train.examination import Examination, examine, publish_again, results_folder, sample_of
from dfd_train.export import file_hashes

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "samples"
SHIPPED = ROOT / "models" / "deepfake" / "1"
SIDE_PX = 256


def test_clips_of_one_source_are_drawn_together() -> None:
    """They share scene and codec history, whoever is in them."""
    one, other = (make_clip(number, is_fake=False, source="page")[0] for number in (1, 2))
    assert one.persons != other.persons
    assert sample_of(one).cluster == sample_of(other).cluster


# --- failures, with fakes -----------------------------------------------------------------------------------------


@dataclass
class Eye:
    """Calls dark faces fake, all others real, and finds no face in what is grey."""

    analysed: list[int] = field(default_factory=list)

    def faces(self, image: ImageU8) -> Sequence[object]:
        grey = int(np.ptp(image.astype(int).mean(axis=(0, 1)))) < 5
        return [] if grey else [make_detection(64, 64, 128)]

    def logit(self, crop: FloatArray) -> float:
        return 3.0 if float(crop.mean()) < 0.15 else -3.0

    def analyzer_for(self, opener: VideoOpener) -> Analyzer:
        return Analyzer(opener, FakeDetector(self.faces), FakeBackend(self.logit), make_manifest())  # type: ignore[arg-type]


def painted(_index: int, _time_s: float) -> ImageU8:
    """A coloured checkerboard, sharp and neither dark nor bright."""
    rows, columns = np.indices((SIDE_PX, SIDE_PX))
    image = np.empty((SIDE_PX, SIDE_PX, 3), np.uint8)
    image[...] = np.where((rows // 8 + columns // 8) % 2, 150, 60)[..., None]
    image[..., 2] = 40
    return image


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> list[Answer]:
    folder = tmp_path_factory.mktemp("samples")
    for name in ("fake_b.mp4", "real_a.mp4", "notes.mp4"):
        (folder / name).write_bytes(b"painted")
    opener = FakeVideoOpener(make_video_info(width_px=SIDE_PX, height_px=SIDE_PX), painted)
    return show_failures(sample_clips(folder), opener, Eye().analyzer_for)


def test_every_clip_is_shown_under_every_damage(answers: list[Answer]) -> None:
    assert [(answer.damage, answer.clip) for answer in answers] == [
        (damage, clip) for damage in DAMAGES for clip in ("fake_b", "real_a")
    ]
    assert [answer.is_fake for answer in answers] == [True, False] * len(DAMAGES)
    assert failure_sheet(answers).ndim == 3


def test_answers_tell_what_the_model_made_of_the_damage(answers: list[Answer]) -> None:
    said = {(answer.damage, answer.clip): answer for answer in answers}
    assert said["none", "real_a"].verdict is Verdict.REAL
    assert not said["none", "real_a"].is_wrong
    assert said["none", "fake_b"].is_wrong
    assert said["dark", "fake_b"].verdict is Verdict.FAKE
    assert said["dark", "real_a"].is_wrong
    assert said["greyscale", "real_a"].reasons == (Reason.NO_FACE,)
    assert said["greyscale", "real_a"].says == "none inconclusive"
    assert Reason.TOO_FEW_FRAMES in said["one frame", "real_a"].reasons
    assert said["one frame", "real_a"].is_open


def test_the_picture_is_the_surroundings_of_the_face_as_damaged(answers: list[Answer]) -> None:
    said = {answer.damage: answer.picture for answer in answers if answer.clip == "real_a"}
    left = top = SIDE_PX // 2 - 96  # the face's 128 px and half as much again, around the middle
    assert np.array_equal(said["none"], painted(0, 0)[top : top + 192, left : left + 192])
    assert said["dark"].shape == said["none"].shape
    assert said["dark"].mean() < said["none"].mean() / 2
    assert said["small"].shape == (48, 48, 3)
    assert np.ptp(said["greyscale"].astype(int), axis=2).max() <= 1


def test_a_folder_without_samples_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="holds no sample clips"):
        sample_clips(tmp_path)


# --- the shipped model --------------------------------------------------------------------------------------------


@pytest.fixture
def shipped(tmp_path: Path) -> Path:
    """A copy of the first version without its card."""
    folder = tmp_path / "models" / "deepfake" / "1"
    shutil.copytree(SHIPPED, folder, ignore=shutil.ignore_patterns("card", "MODEL_CARD.md"))
    return folder


def task(tmp_path: Path) -> Examination:
    """Two of the sample clips as if they were a data set."""
    clips = []
    (tmp_path / "set").mkdir()
    for name in ("real_astronaut", "fake_swap"):
        shutil.copy(SAMPLES / f"{name}.mp4", tmp_path / "set")
        clips.append(
            Clip(
                key=name,
                path=tmp_path / "set" / f"{name}.mp4",
                is_fake=name.startswith("fake"),
                family="swap" if name.startswith("fake") else "real",
                method="affine",
                source=name,
                persons=(name,),
                split="dev",
                dataset="samples",
            )
        )
    (tmp_path / "set" / "list.csv").write_text("path,label\n", encoding="utf-8")
    return Examination(clips, tmp_path / "set" / "list.csv", "dev", "none", 1, tmp_path / "work", progress=False)


def test_an_examined_version_gets_its_card(shipped: Path, tmp_path: Path) -> None:
    hashes = file_hashes(shipped)
    manifest = ModelManifest.read(shipped / "manifest.json")
    measured = examine(shipped, manifest, task(tmp_path))
    assert measured["per_family"].keys() == {"swap"}
    assert measured["settings"]["split"] == "dev"
    written = results_folder(tmp_path / "work", manifest) / METRICS_NAME
    assert json.loads(written.read_text(encoding="utf-8")) == json.loads(json.dumps(measured))

    done = CliRunner().invoke(app, ["card", str(shipped), "--work", str(tmp_path / "work"), "--samples", str(SAMPLES)])
    assert done.exit_code == 0, done.output
    assert done.stdout == f"wrote {shipped / 'MODEL_CARD.md'}\n"
    text = (shipped / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert f"| AUC | {measured['auc']['value']:.3f} |" in text
    assert str(tmp_path) not in text
    assert {path.name for path in (shipped / "card").iterdir()} == {"abstention.svg", "failures.png", "reliability.svg"}
    assert file_hashes(shipped) == hashes == manifest.files
    published = DirectoryRegistry(tmp_path / "models").load("deepfake", "1").manifest
    assert published.metrics["test"]["video"]["auc"] == measured["auc"]
    assert published.metrics["cross_validation"] == manifest.metrics["cross_validation"]
    assert digest(published) == digest(manifest)


def test_clips_of_data_sets_go_by_their_keys(shipped: Path, tmp_path: Path) -> None:
    manifest = ModelManifest.read(shipped / "manifest.json")
    listed = task(tmp_path)
    measured = examine(shipped, manifest, replace(listed, csv=None, split="test"))
    told = {name: measured["settings"][name] for name in ("list", "list_sha256", "split")}
    assert told == {"list": "samples", "list_sha256": sha256_of(listed.clips), "split": "test"}
    answers = (results_folder(listed.work, manifest) / "clips.jsonl").read_text(encoding="utf-8").splitlines()
    assert {json.loads(line)["path"] for line in answers[1:]} == {"real_astronaut", "fake_swap"}


def test_figures_of_another_model_are_refused(shipped: Path, tmp_path: Path) -> None:
    manifest = ModelManifest.read(shipped / "manifest.json")
    other = replace(manifest, max_batch=manifest.max_batch + 1)
    figures = tmp_path / METRICS_NAME
    figures.write_text(json.dumps(measured_of(other, mixed())), encoding="utf-8")
    with pytest.raises(ConfigurationError, match="figures of another model than deepfake/1"):
        publish_again(shipped, figures, tmp_path, None)
    assert not (shipped / "MODEL_CARD.md").exists()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"threshold": 0.9}, r"\(threshold is 0\.9, not 0\.\d+\): measure again .* without them"),
        (
            {"operating_point": "balanced", "fps": 4.0},
            r"\(fps is 4\.0, not 2\.0; operating_point is 'balanced', not None\)",
        ),
        ({"no_face_fallback": True}, "no_face_fallback is True, not False"),
        ({"max_frames": 8, "detector": "haar"}, "max_frames is 8, not 256; detector is 'haar', not 'blazeface'"),
        ({"backend": "oip"}, "backend is 'oip', not 'onnx'"),
    ],
)
def test_figures_of_other_settings_are_refused(
    shipped: Path, tmp_path: Path, changed: dict[str, Any], said: str
) -> None:
    measured = measured_of(ModelManifest.read(shipped / "manifest.json"), mixed())
    figures = tmp_path / METRICS_NAME
    figures.write_text(json.dumps({**measured, "settings": {**measured["settings"], **changed}}), encoding="utf-8")
    with pytest.raises(ConfigurationError, match=f"holds figures of other settings .*{said}"):
        publish_again(shipped, figures, tmp_path, None)
    assert not (shipped / "MODEL_CARD.md").exists()


def test_figures_of_the_shipped_settings_are_taken_whichever_version_measured_them(
    shipped: Path, tmp_path: Path
) -> None:
    measured = measured_of(ModelManifest.read(shipped / "manifest.json"), mixed())
    told = {name: value for name, value in measured["settings"].items() if name not in {"dfd", "backend"}}
    figures = tmp_path / METRICS_NAME
    figures.write_text(json.dumps({**measured, "settings": told}), encoding="utf-8")
    assert publish_again(shipped, figures, tmp_path, None).is_file()


@pytest.mark.parametrize("content", [None, "{", "[]", "{}"])
def test_missing_and_broken_figures_are_refused(shipped: Path, tmp_path: Path, content: str | None) -> None:
    figures = tmp_path / METRICS_NAME
    if content is not None:
        figures.write_text(content, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"no figures of deepfake/1 in .*metrics\.json: measure"):
        publish_again(shipped, figures, tmp_path, None)


def test_a_version_without_cross_validation_is_refused(shipped: Path, tmp_path: Path) -> None:
    path = shipped / "manifest.json"
    replace(ModelManifest.read(path), metrics={}).write(path)
    done = CliRunner().invoke(app, ["card", str(shipped), "--work", str(tmp_path), "--samples", str(SAMPLES)])
    assert done.exit_code == 4
    assert "holds no cross-validation" in done.stderr
