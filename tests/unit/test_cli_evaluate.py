"""``dfd evaluate`` with fakes: what its figures are said to be of."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest
from tests.fakes import FakeBackend, FakeDetector, FakeVideoOpener, make_manifest

from dfd.bootstrap import Parts
from dfd.cli.evaluate import Request, evaluate
from dfd.errors import ConfigurationError, UnreadableVideo
from dfd.settings import Settings


def test_figures_are_of_one_backend_and_one_detector(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[Settings] = []

    def build(settings: Settings) -> Parts:
        built.append(settings)
        return Parts(FakeVideoOpener(), FakeDetector(), FakeBackend(), make_manifest(), 1)

    weights, listed = tmp_path / "own.onnx", tmp_path / "list.csv"
    weights.write_bytes(b"weights")
    listed.write_text("path,label\na.mp4,real\nb.mp4,fake\n", encoding="utf-8")
    for name in ("a.mp4", "b.mp4"):
        (tmp_path / name).touch()
    monkeypatch.setattr("dfd.cli.evaluate.build_parts", build)
    monkeypatch.setenv("BACKEND_FALLBACK", "true")
    monkeypatch.setenv("RETINAFACE_WEIGHTS", str(weights))
    request = Request(listed, tmp_path / "out", backend="tfserving", detector="retinaface", draws=2)
    evaluate(request)
    assert (built[0].model_backend, built[0].backend_fallback) == ("tfserving", False)
    settings = json.loads((tmp_path / "out" / "metrics.json").read_bytes())["settings"]
    assert settings["backend"] == "tfserving"
    assert settings["detector_sha256"] == hashlib.sha256(b"weights").hexdigest()

    with pytest.raises(ConfigurationError, match="backend was 'tfserving', now it is 'onnx'"):
        evaluate(replace(request, backend="onnx", resume=True))
    weights.write_bytes(b"other weights")
    with pytest.raises(ConfigurationError, match="detector_sha256 was"):
        evaluate(replace(request, resume=True))


def test_some_unreadable_videos_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    parts = Parts(
        FakeVideoOpener(open_error=UnreadableVideo("none")), FakeDetector(), FakeBackend(), make_manifest(), 1
    )
    monkeypatch.setattr("dfd.cli.evaluate.build_parts", lambda _settings: parts)
    listed = tmp_path / "list.csv"
    listed.write_text("path,label\n" + "".join(f"{n}.mp4,{n % 2}\n" for n in range(5)), encoding="utf-8")
    for number in range(5):
        (tmp_path / f"{number}.mp4").touch()
    evaluate(Request(listed, tmp_path / "out", draws=2))
    told = f"5 of the videos could not be read: 0.mp4, 1.mp4, 2.mp4, ...; {tmp_path / 'out' / 'clips.jsonl'} names each"
    assert told in capsys.readouterr().err
