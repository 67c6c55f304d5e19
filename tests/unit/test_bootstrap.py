"""The composition root: settings reach the parts, and every part can be replaced."""

import logging
from pathlib import Path
from typing import get_args

import pytest
from tests.api_client import FakeAnalyzer
from tests.fakes import FakeBackend, FakeDetector, FakeVideoOpener, make_manifest
from tests.feedback_fakes import FakeTallyStore
from tests.live_service import until
from tests.onnx_models import SERVED, write_registry
from tests.retinaface_model import write_retinaface
from tests.unit.test_remote_backend import FAILED, FakeServer, crops, make

from dfd.aliases import Alias, Note
from dfd.backends.model_server import ModelServer, Target
from dfd.backends.open_inference_grpc import OpenInferenceGrpc
from dfd.backends.open_inference_http import OpenInferenceHttp
from dfd.backends.tf_serving_grpc import TfServingGrpc
from dfd.backends.tf_serving_rest import TfServingRest
from dfd.bootstrap import (
    analysis_options,
    build_analyzer,
    build_detector,
    build_model,
    build_opener,
    build_parts,
)
from dfd.bootstrap.backends import build_server
from dfd.bootstrap.live import build_live
from dfd.bootstrap.service import build_services
from dfd.cli.options import Detector
from dfd.errors import BackendUnavailable, ConfigurationError, ModelNotFound
from dfd.faces.blazeface import BlazeFaceDetector
from dfd.faces.centerface import CenterFaceDetector
from dfd.faces.haar import HaarDetector
from dfd.faces.retinaface import THREE_LEVELS, RetinaFaceDetector
from dfd.judgement import Decision, OperatingPoint
from dfd.monitoring.measuring import HOUR_S, tally_of
from dfd.monitoring.observing import Tallier
from dfd.pipeline import AnalysisOptions
from dfd.registry.directory import DirectoryRegistry
from dfd.rollout.live import LoadedModel
from dfd.settings import Settings, load_settings
from dfd.telemetry.metrics import Metrics
from dfd.types import Verdict
from dfd.video.limits import MediaLimits
from dfd.video.pyav import PyAvOpener
from dfd.video.sandboxed import SandboxedOpener


@pytest.fixture(autouse=True)
def _bare_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)


def test_parts_that_are_given_are_used_and_nothing_is_loaded(tmp_path: Path) -> None:
    opener, detector, backend, manifest = FakeVideoOpener(), FakeDetector(), FakeBackend(), make_manifest()
    parts = build_parts(
        load_settings(models_dir=tmp_path / "none"), opener=opener, detector=detector, model=(backend, manifest)
    )
    assert parts.opener is opener
    assert parts.detector is detector
    assert parts.backend is backend
    assert parts.manifest is manifest


def test_parts_that_are_not_given_are_built(tmp_path: Path) -> None:
    manifest = write_registry(tmp_path, version=SERVED)
    parts = build_parts(load_settings(models_dir=tmp_path, threads=1))
    assert isinstance(parts.opener, SandboxedOpener)
    assert isinstance(parts.detector, BlazeFaceDetector)
    assert (parts.backend.name, parts.backend.ready()) == ("onnx", True)
    assert parts.threads == 1
    assert parts.manifest == manifest


def test_an_analyzer_of_fakes_analyses(tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(b"painted by the fake opener")
    settings = load_settings(default_fps=4)
    analyzer = build_analyzer(
        settings, opener=FakeVideoOpener(), detector=FakeDetector(), model=(FakeBackend(logit=3.0), make_manifest())
    )
    report = analyzer.analyze(clip, analysis_options(settings))
    assert report.coverage.sampled_frames == 12  # three seconds at four a second
    assert report.verdict in Verdict


def test_a_missing_model_is_told_whatever_else_loads(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound, match="deepfake/7"):
        build_parts(load_settings(models_dir=tmp_path, model_version="7"), opener=FakeVideoOpener())


def test_the_named_version_is_loaded(tmp_path: Path) -> None:
    for version in ("1", "2"):
        write_registry(tmp_path, version=version)
    backend, manifest = build_model(load_settings(models_dir=tmp_path, model_version="2", threads=1))
    assert manifest.version == "2"
    assert backend.ready()


def test_every_detector_that_settings_take_can_be_built(tmp_path: Path) -> None:
    names = get_args(Settings.model_fields["face_detector"].annotation)
    weights = write_retinaface(tmp_path / "retinaface.onnx", THREE_LEVELS, (64, 64), [])
    built = {name: type(build_detector(name, 1, retinaface_weights=weights)) for name in names}
    assert built == {
        "blazeface": BlazeFaceDetector,
        "centerface": CenterFaceDetector,
        "haar": HaarDetector,
        "retinaface": RetinaFaceDetector,
    }
    with pytest.raises(ConfigurationError, match="RETINAFACE_WEIGHTS is not set"):
        build_detector("retinaface", 1)


def test_the_command_line_offers_the_same_detectors() -> None:
    assert tuple(Detector) == get_args(Settings.model_fields["face_detector"].annotation)


def test_options_follow_the_settings() -> None:
    settings = load_settings(
        default_fps=5,
        max_frames=7,
        threshold=0.3,
        operating_point="balanced",
        no_face_fallback=True,
        min_face_frames=2,
    )
    assert analysis_options(settings) == AnalysisOptions(
        fps=5, max_frames=7, threshold=0.3, operating_point="balanced", no_face_fallback=True, min_face_frames=2
    )


def test_an_operating_point_that_the_model_does_not_have_is_a_fault_of_the_settings() -> None:
    settings = load_settings(operating_point="balanced")
    points = {"balanced": OperatingPoint(0.4, 0.2, 0.7, real_count=50, fake_count=60)}
    known = make_manifest(decision=Decision(0.5, 0.1, operating_points=points))
    assert build_parts(settings, detector=FakeDetector(), model=(FakeBackend(), known)).manifest is known
    with pytest.raises(ConfigurationError, match=r"deepfake/1: .*no operating point 'balanced'; it has: none"):
        build_parts(settings, detector=FakeDetector(), model=(FakeBackend(), make_manifest()))


def test_defaults_are_the_same_everywhere() -> None:
    settings = load_settings()
    assert analysis_options(settings) == AnalysisOptions()
    assert MediaLimits(settings.max_pixels, settings.max_duration_s) == MediaLimits()
    assert isinstance(build_opener(settings), SandboxedOpener)
    assert isinstance(build_opener(load_settings(sandbox=False)), PyAvOpener)


def test_services_follow_the_settings(caplog: pytest.LogCaptureFixture) -> None:
    secret = "correct-horse-battery"
    settings = load_settings(
        max_upload_mb=3, max_concurrency=5, cors_origins="https://a.example", require_auth=True, jwt_secret=secret
    )
    model = (FakeBackend(), make_manifest())
    services = build_services(
        settings, opener=FakeVideoOpener(), detector=FakeDetector(), model=model, tf_serving=lambda: {"ready": True}
    )
    assert services.policy.max_upload_bytes == 3 * 1024 * 1024
    assert services.policy.max_concurrency == 5
    assert services.policy.cors_origins == ("https://a.example",)
    assert services.authenticator is not None and services.authenticator.owner(secret) is not None
    assert services.tf_serving() == {"ready": True}
    assert services.options == analysis_options(settings)
    logging.getLogger("test").warning("%r %r", services.policy, services.authenticator)
    assert secret not in caplog.text


@pytest.mark.parametrize(
    ("settings", "kind"),
    [
        ({"model_backend": "tfserving"}, TfServingRest),
        ({"model_backend": "tfserving", "tf_serving_url": "https://models.example"}, TfServingRest),
        ({"model_backend": "tfserving", "tf_serving_url": "grpc://models.example:8500"}, TfServingGrpc),
        ({"model_backend": "oip", "oip_url": "http://models.example"}, OpenInferenceHttp),
        ({"model_backend": "oip", "oip_url": "grpcs://models.example:443"}, OpenInferenceGrpc),
    ],
)
def test_the_scheme_of_the_address_chooses_the_protocol(settings: dict[str, str], kind: type[ModelServer]) -> None:
    server = build_server(load_settings(**settings), Target("deepfake", None, "2"))
    assert isinstance(server, kind)
    assert "models.example" in server.where or "localhost:8501" in server.where
    server.close()


def test_a_version_is_asked_for_by_its_number_only_where_it_was_set(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings().version_to_ask is None
    assert load_settings(model_version="1").version_to_ask == "1"
    monkeypatch.setenv("MODEL_VERSION", "")
    assert load_settings().version_to_ask is None
    monkeypatch.setenv("MODEL_VERSION", "2")
    assert load_settings().version_to_ask == "2"


def test_services_without_auth_ask_for_no_token() -> None:
    model = (FakeBackend(), make_manifest())
    settings = load_settings(jwt_secret="correct-horse", tf_serving_url="http://127.0.0.1:9")
    services = build_services(settings, opener=FakeVideoOpener(), detector=FakeDetector(), model=model)
    assert services.authenticator is None
    assert services.tf_serving() is None  # nothing listens there


def test_an_alias_is_followed_with_the_same_detector_and_opener(tmp_path: Path) -> None:
    registry = DirectoryRegistry(tmp_path)
    for version in ("1", "2"):
        write_registry(tmp_path, version=version)
    note = Note(0.0, "test", "to see")
    registry.store_aliases("deepfake", registry.aliases("deepfake").promoted("1", Alias.CHAMPION, note))
    settings = load_settings(models_dir=tmp_path, model_version="champion", threads=1)
    services = build_services(settings, opener=FakeVideoOpener(), detector=FakeDetector(), tf_serving=lambda: None)
    follower = services.follower
    assert follower is not None
    assert (services.model.current.manifest.version, follower.look()) == ("1", False)
    registry.store_aliases("deepfake", registry.aliases("deepfake").promoted("2", Alias.CHAMPION, note))
    assert follower.look()
    assert services.model.current.manifest.version == "2"
    assert services.model.current.backend.ready()


@pytest.mark.logs_errors
def test_an_operating_point_that_the_next_version_lacks_keeps_the_old_one(tmp_path: Path) -> None:
    points = {"balanced": OperatingPoint(0.4, 0.2, 0.7, real_count=50, fake_count=60)}
    write_registry(tmp_path, version="1", decision=Decision(0.5, 0.1, operating_points=points))
    write_registry(tmp_path, version="2")
    registry, note = DirectoryRegistry(tmp_path), Note(0.0, "test", "to see")
    registry.store_aliases("deepfake", registry.aliases("deepfake").promoted("1", Alias.CHAMPION, note))
    settings = load_settings(models_dir=tmp_path, model_version="champion", operating_point="balanced", threads=1)
    live = build_live(settings, opener=FakeVideoOpener(), detector=FakeDetector())
    follower = live.follower
    registry.store_aliases("deepfake", registry.aliases("deepfake").promoted("2", Alias.CHAMPION, note))
    assert follower is not None
    assert not follower.look()
    assert (live.model.current.manifest.version, follower.state.error) == ("1", "configuration")


def test_an_alias_that_names_nothing_stops_the_start(tmp_path: Path) -> None:
    write_registry(tmp_path)
    with pytest.raises(ModelNotFound, match="is champion"):
        build_model(load_settings(models_dir=tmp_path, model_version="champion"))


def test_a_version_that_is_fixed_is_not_followed(tmp_path: Path) -> None:
    write_registry(tmp_path, version="1")
    settings = load_settings(models_dir=tmp_path, model_version="1", threads=1)
    assert build_live(settings, opener=FakeVideoOpener(), detector=FakeDetector()).follower is None


def test_the_breaker_of_a_model_that_was_replaced_is_told_of_no_more() -> None:
    failing, metrics = make(FakeServer(faults=[FAILED] * 3)), Metrics("1.2.3")
    model = (failing.backend, make_manifest())
    services = build_services(
        load_settings(), opener=FakeVideoOpener(), detector=FakeDetector(), model=model, metrics=metrics
    )

    def left_alone() -> float | None:
        return metrics.registry.get_sample_value("dfd_backend_breaker_open", {"backend": "oip"})

    assert left_alone() == 0
    for _ in range(3):
        with pytest.raises(BackendUnavailable):
            failing.backend.predict(crops(1))
    assert left_alone() == 1
    services.model.switch(LoadedModel(FakeAnalyzer(), make(FakeServer()).backend, make_manifest(version="2")))
    assert left_alone() == 0


def test_what_is_scored_aside_counts_for_drift_and_not_among_the_analyses(tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(b"painted by the fake opener")
    metrics, manifest, store = Metrics("1.2.3"), make_manifest(), FakeTallyStore()
    live = build_live(
        load_settings(),
        opener=FakeVideoOpener(),
        detector=FakeDetector(),
        model=(FakeBackend(), manifest),
        tallier=Tallier(store, lambda: HOUR_S),
        observer=metrics,
    )
    model = live.model.current
    assert model.aside is not None
    counted = []
    for analyzer in (model.aside, model.analyzer):
        verdict = analyzer.analyze(clip, AnalysisOptions()).verdict.value
        labels = {"model": "deepfake", "model_version": "1", "verdict": verdict}
        counted.append(metrics.registry.get_sample_value("dfd_analyses_total", labels))
    assert counted == [None, 1]
    until(lambda: sum(store.counts(tally_of(manifest, "score"), 0, 2).values()) == 2)
