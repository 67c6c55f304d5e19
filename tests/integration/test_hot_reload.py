"""A running service and a running worker follow the champion, and drop nothing while it changes."""

import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import av
import cv2
import httpx
import numpy as np
import pytest
from tests.api_client import upload
from tests.integration.test_jobs_processes import SOON_S, Place, job_of, submit
from tests.live_service import until

from dfd.aliases import Alias, Note
from dfd.registry.directory import DirectoryRegistry

ROOT = Path(__file__).parents[2]
NOTE = Note(1_700_000_000.0, "test", "to see what happens")
CALLERS = 4
MOST_REQUESTS = 600
"""Of each caller; only a failing test sends so many."""

PART = 40
"""Answers between two moves of the alias."""


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A place with copies of the shipped versions, of which the first is champion."""
    made = Place(tmp_path, MODEL_VERSION="champion", MODEL_POLL_S="0.2", JOB_WORKERS="0")
    shutil.rmtree(tmp_path / "models")
    shutil.copytree(ROOT / "models", tmp_path / "models")
    promote(made, "1")
    yield made


def registry_of(place: Place) -> DirectoryRegistry:
    return DirectoryRegistry(place.folder / "models")


def promote(place: Place, version: str) -> None:
    registry = registry_of(place)
    registry.store_aliases("deepfake", registry.aliases("deepfake").promoted(version, Alias.CHAMPION, NOTE))


def roll_back(place: Place) -> None:
    registry = registry_of(place)
    registry.store_aliases("deepfake", registry.aliases("deepfake").rolled_back(NOTE))


def answering(client: httpx.Client) -> str:
    version: str = client.get("/health").json()["model"]["version"]
    return version


def answers_with(client: httpx.Client, version: str) -> bool:
    return answering(client) == version


def face() -> bytes:
    """A small picture with a face."""
    with av.open(str(ROOT / "samples" / "real_hopper.mp4")) as container:
        frame = next(container.decode(video=0)).to_ndarray(format="bgr24")
    written, data = cv2.imencode(".jpg", cv2.resize(np.asarray(frame), None, fx=0.4, fy=0.4))
    assert written
    return bytes(data)


@dataclass
class Calls:
    """Callers who never stop asking, and what they were told."""

    client: httpx.Client
    picture: bytes
    over: threading.Event = field(default_factory=threading.Event)
    answers: list[tuple[float, float, int, str]] = field(default_factory=list)

    def ask(self) -> None:
        for _ in range(MOST_REQUESTS):
            if self.over.is_set():
                return
            begun_s = time.monotonic()
            response = self.client.post("/predict", files=upload(self.picture, "face.jpg"))
            version = response.json()["model"]["version"] if response.status_code == 200 else response.text
            self.answers.append((begun_s, time.monotonic(), response.status_code, version))

    def wait_for(self, count: int) -> None:
        until(lambda: len(self.answers) >= count, SOON_S)


def test_no_request_fails_while_versions_come_and_go_and_each_gets_the_one_in_force(place: Place) -> None:
    moves: list[tuple[str, Callable[[], None]]] = [
        ("2", lambda: promote(place, "2")),
        ("1", lambda: roll_back(place)),
        ("2", lambda: promote(place, "2")),
    ]
    in_force = [(0.0, 0.0, "1")]  # from when the alias was moved, and from when the service says so
    with place.service() as (running, client), ThreadPoolExecutor(CALLERS) as pool:
        calls = Calls(client, face())
        asking = [pool.submit(calls.ask) for _ in range(CALLERS)]
        try:
            calls.wait_for(PART)
            for version, move in moves:
                moved_s = time.monotonic()
                move()
                until(partial(answers_with, client, version), SOON_S)
                in_force.append((moved_s, time.monotonic(), version))
                calls.wait_for(len(calls.answers) + PART)
        finally:
            calls.over.set()
        for caller in asking:
            caller.result()
        assert running.poll() is None
    assert {status for _, _, status, _ in calls.answers} == {200}
    assert {version for _, _, _, version in calls.answers} == {"1", "2"}
    ends_s = [seen_s for _, seen_s, _ in in_force[1:]] + [float("inf")]
    for begun_s, ended_s, _, version in calls.answers:
        possible = {
            its
            for (moved_s, _, its), until_s in zip(in_force, ends_s, strict=True)
            if moved_s <= ended_s and begun_s <= until_s
        }
        assert version in possible
    switches = [line["message"] for line in place.log if "takes over" in line["message"]]
    assert switches == [
        "deepfake/2 takes over from version 1",
        "deepfake/1 takes over from version 2",
        "deepfake/2 takes over from version 1",
    ]


@pytest.mark.faults
def test_a_damaged_version_leaves_the_old_one_and_health_tells(place: Place) -> None:
    weights = place.folder / "models" / "deepfake" / "2" / "model.onnx"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with place.service() as (running, client):
        assert client.get("/health").json()["following"] == {"alias": "champion", "wanted": "1", "error": None}
        promote(place, "2")
        until(lambda: client.get("/health").json()["following"]["error"] is not None, SOON_S)
        health = client.get("/health").json()
        assert (health["ok"], health["version"]) == (True, "1")
        assert health["following"] == {"alias": "champion", "wanted": "2", "error": "model_corrupt"}
        assert client.post("/predict", files=upload(face(), "face.jpg")).json()["version"] == "1"
        weights.write_bytes(whole)
        running.send_signal(signal.SIGHUP)  # a version that failed is tried again at once
        until(lambda: answering(client) == "2", SOON_S)
        assert client.get("/health").json()["following"]["error"] is None
    [error] = [line for line in place.log if line["log.level"] == "error"]
    assert "deepfake/2 cannot take over" in error["message"]
    assert "does not match its hash" in error["message"]


@pytest.mark.faults
def test_a_version_that_is_deleted_while_it_answers_goes_on_answering(place: Place) -> None:
    with place.service() as (running, client):
        shutil.rmtree(place.folder / "models" / "deepfake" / "1")
        (place.folder / "models" / "deepfake" / "aliases.json").unlink()
        until(lambda: client.get("/health").json()["following"]["error"] == "model_not_found", SOON_S)
        assert client.post("/predict", files=upload(face(), "face.jpg")).json()["version"] == "1"
        promote(place, "2")
        until(lambda: answering(client) == "2", SOON_S)
        running.send_signal(signal.SIGTERM)
        assert running.wait(SOON_S) in (0, -signal.SIGTERM)


def test_a_fixed_version_is_not_followed(place: Place) -> None:
    with place.service(MODEL_VERSION="2") as (_, client):
        assert client.get("/health").json()["following"] is None
        assert answering(client) == "2"


def test_a_worker_takes_the_champion_at_its_next_job(place: Place) -> None:
    sample = ROOT / "samples" / "fake_swap.mp4"
    with place.service() as (_, client), place.process("worker", MODEL_POLL_S="3600") as worker:

        def ended(job_id: str) -> dict[str, str]:
            until(lambda: job_of(client, job_id)["state"] == "succeeded", SOON_S)
            told: dict[str, str] = client.get(f"/v1/jobs/{job_id}/report.json").json()["model"]
            return told

        first = ended(submit(client, sample))
        promote(place, "2")
        until(lambda: answering(client) == "2", SOON_S)
        worker.send_signal(signal.SIGHUP)
        until(lambda: sum("takes over" in line["message"] for line in place.log) == 2, SOON_S)
        second = ended(submit(client, sample))
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(SOON_S) == 0
    shipped = DirectoryRegistry(ROOT / "models")
    for told, version in ((first, "1"), (second, "2")):
        assert told["version"] == version
        assert told["weights_sha256"] == shipped.load("deepfake", version).manifest.weights_sha256
