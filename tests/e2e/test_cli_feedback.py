"""Feedback on real jobs, and the version that is fitted to it, from the command line and through the service."""

import json
from collections.abc import Iterator
from pathlib import Path

import cv2
import httpx
import numpy as np
import pytest
from tests.cli_process import Cli, lines
from tests.fakes import make_job, make_report
from tests.live_service import SAMPLES, Live, live, until
from tests.onnx_models import write_registry

from dfd.bootstrap.service import build_services
from dfd.client import Client
from dfd.feedback import Label
from dfd.histograms import SCORE, ReferenceHistogram
from dfd.job_store.sql import SqlJobStore
from dfd.judgement import Calibration
from dfd.manifest import ModelManifest
from dfd.reporting import report_to_dict
from dfd.settings import load_settings
from dfd.types import ImageU8

PICTURES = 40


def face() -> ImageU8:
    """A frame with a face; what has none is not counted."""
    read, frame = cv2.VideoCapture(str(SAMPLES[-1])).read()
    assert read
    return np.asarray(frame, dtype=np.uint8)


def picture(frame: ImageU8, number: int) -> bytes:
    """The frame in more light for a higher number, below `PICTURES`; the mean model's logit grows with it."""
    lit = np.clip(frame * (0.4 + 2 * number / PICTURES), 0, 255).astype(np.uint8)
    encoded, data = cv2.imencode(".png", lit)
    assert encoded
    return data.tobytes()


@pytest.fixture
def manifest(tmp_path: Path) -> ModelManifest:
    """Version 1, much too sure of itself, and the champion."""
    reference = ReferenceHistogram((-1.0, 0.0, 1.0), (5, 5, 5, 5), (5, 5, 0, 0))
    return write_registry(
        tmp_path / "models", calibration=Calibration(slope=3.0), reference_histograms={SCORE: reference}
    )


@pytest.fixture
def cli(tmp_path: Path, manifest: ModelManifest) -> Cli:
    made = Cli(tmp_path, THREADS="1", DATA_DIR=str(tmp_path / "data"))
    assert made.run("models", "promote", "deepfake", "1", "--reason", "first").returncode == 0
    return made


@pytest.fixture
def service(cli: Cli, tmp_path: Path) -> Iterator[Live]:
    settings = load_settings(
        models_dir=tmp_path / "models",
        data_dir=tmp_path / "data",
        model_version="champion",
        model_poll_s=0.1,
        threads=1,
        job_workers=1,
    )
    uploads = tmp_path / "uploads"
    uploads.mkdir()
    with live(build_services(settings), uploads) as running:
        yield running


def test_feedback_on_jobs_makes_a_better_version_that_answers(service: Live, cli: Cli, manifest: ModelManifest) -> None:
    frame = face()
    pictures = [picture(frame, number) for number in range(PICTURES)]
    with httpx.Client(base_url=service.url, timeout=60) as http, Client(http=http) as dfd:
        jobs = [job for first in range(0, PICTURES, 10) for job in dfd.submit(*pictures[first : first + 10])]
        for job in jobs:
            assert dfd.wait(job.id, timeout_s=60).fake_probability is not None
        assert {review.job.id for review in dfd.reviews(page_size=7)} == {job.id for job in jobs}  # one frame each
        for number, job in enumerate(jobs):
            # the truth has little to do with the picture, which the model does not know
            label = Label.FAKE if number % 3 == 0 or number > 30 else Label.REAL
            dfd.give_feedback(job.id, label, note="looked at", reviewer="kim")
        assert list(dfd.reviews()) == []
        drift = http.get("/v1/models/deepfake/1/drift").json()
        until(lambda: http.get("/v1/models/deepfake/1/drift").json()["measures"][0]["videos"] == PICTURES)
        assert (drift["measures"][0]["measure"], drift["measures"][0]["reference"]["real"]) == ("score", [5, 5, 0, 0])
        judged = http.get("/v1/models/deepfake/1/calibration").json()
        assert sum(judged["labels"].values()) == PICTURES
        before = dfd.predict(pictures[-1])

        refused = cli.run("models", "recalibrate", "deepfake", "champion", "--reason", "x")
        assert (refused.returncode, refused.stdout) == (4, "")
        assert "too few: it takes 50" in refused.stderr
        [row] = lines(
            cli.run(
                "models", "recalibrate", "deepfake", "1", "--reason", "unsure", "--min-labels", "40", "--json"
            ).stdout
        )
        assert (row["version"], row["from_version"], row["fake_count"] + row["real_count"]) == ("2", "1", PICTURES)
        assert row["log_loss_after"] < row["log_loss_before"]
        assert dfd.predict(pictures[-1]).raw["version"] == "1"  # nothing was promoted

        assert cli.run("models", "promote", "deepfake", "2", "--reason", "better").returncode == 0
        until(lambda: dfd.predict(pictures[-1]).raw["version"] == "2", 60)
        after = dfd.predict(pictures[-1])
    assert before.score is not None and after.score is not None
    assert 0.5 < after.score < before.score
    shown = json.loads(cli.run("models", "show", "deepfake:2", "--json").stdout)
    assert shown["files"] == dict(manifest.files)
    assert shown["parity"]["logits"] == pytest.approx(list(manifest.parity.logits if manifest.parity else ()))
    assert shown["reference"]["recalibration"]["reason"] == "unsure"
    assert [row["ok"] for row in lines(cli.run("models", "verify", "--json").stdout)] == [True] * 3
    card = (cli.folder / "models" / "deepfake" / "2" / "MODEL_CARD.md").read_text()
    assert card.startswith("> Version 2 is version 1 with its calibration fitted again")


def test_a_version_is_watched_from_the_command_line(cli: Cli) -> None:
    table = cli.run("models", "monitor", "deepfake", "champion").stdout
    assert "deepfake/1, 168 h: no_reference" not in table
    assert "too_few" in table and "biased sample" in table
    [told] = lines(cli.run("models", "monitor", "deepfake", "1", "--json").stdout)
    assert told["drift"]["measures"][1]["level"] == "no_reference"
    assert told["calibration"]["labels"] == {"fake": 0, "real": 0}
    assert cli.run("models", "monitor", "deepfake", "7").returncode == 4


def test_labels_are_given_shown_and_reviewed_from_the_command_line(cli: Cli) -> None:
    store = SqlJobStore(f"sqlite:///{cli.folder / 'data' / 'jobs.sqlite3'}")
    (cli.folder / "data").mkdir(exist_ok=True)
    store.migrate()
    for job_id, external_id in (("job-1", "[red]7"), ("job-2", None)):
        store.add([make_job(job_id, external_id=external_id)])
        store.claim(lambda job: job.claimed("w", 110.0, 30.0), 110.0)
        report = json.dumps(report_to_dict(make_report()))
        store.change(job_id, lambda job: job.succeeded(1, 120.0, "fake", 0.55, "key", 0.5, frames=10), report)
    store.close()
    said = cli.run("jobs", "feedback", "job-1", "--label", "real", "--note", "[b]an actor", "--reviewer", "kim")
    assert said.stdout == "job-1 is real; the verdict was fake\n"
    assert "[b]an actor" in cli.run("jobs", "feedback", "job-1").stdout
    [told] = lines(cli.run("jobs", "feedback", "job-1", "--json").stdout)
    assert (told["label"], told["reviewer"], told["fake_probability"]) == ("real", "kim", 0.9)
    queue = lines(cli.run("jobs", "reviews", "--json").stdout)
    assert [(review["job"]["id"], review["reasons"]) for review in queue] == [
        ("job-1", ["disagrees"]),
        ("job-2", ["near_threshold"]),
    ]
    assert "[red]7" in cli.run("jobs", "reviews").stdout
    assert cli.run("jobs", "feedback", "nobody", "--label", "fake").returncode == 2
    assert cli.run("jobs", "feedback", "job-1", "--note", "why").returncode == 2
