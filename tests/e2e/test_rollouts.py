"""Rollouts of the shipped model through real services: a bad canary leaves, a good one is promoted, whoever decides."""

import hashlib
import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import onnx
import pytest
from onnx import helper
from tests.api_client import upload
from tests.cli_process import Cli, lines
from tests.integration.test_hot_reload import face
from tests.integration.test_jobs_processes import SOON_S, Place, job_of, submit
from tests.live_service import until

from dfd.aliases import Alias, Note
from dfd.backends.onnx_runtime import OnnxRuntimeBackend
from dfd.manifest import ModelManifest
from dfd.registry.directory import DirectoryRegistry
from dfd.registry.parity import recorded

if TYPE_CHECKING:
    from tests.postgres_server import PostgresServer

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "models" / "deepfake" / "2"
NOTE = Note(1_700_000_000.0, "test", "the first")
CALLERS = 3
MOST_REQUESTS = 400
"""Of all callers; only a failing test sends so many."""

LOOK_S = 0.1
"""Between two looks, so that looking does not keep the machine busy."""

QUICK = {
    "min_observations": 10,
    "min_time_s": 0,
    "error_rate": 0.3,
    "latency_ratio": 20,
    "inconclusive_rate": 0.5,
    "ks": 0.5,
    "psi": None,
    "disagreement": None,
}
"""What a good challenger can show within some dozens of copies of a picture, on a machine that is busy otherwise."""


def make_place(folder: Path, **environment: str) -> Place:
    """A place whose champion is the shipped version 2."""
    place = Place(folder, MODEL_VERSION="champion", MODEL_POLL_S="0.5", MIN_FACE_FRAMES="1", **environment)
    shutil.rmtree(folder / "models")
    shutil.copytree(SHIPPED, folder / "models" / "deepfake" / "2")
    registry = registry_of(place)
    registry.store_aliases("deepfake", registry.aliases("deepfake").promoted("2", Alias.CHAMPION, NOTE))
    return place


def registry_of(place: Place) -> DirectoryRegistry:
    return DirectoryRegistry(place.folder / "models")


def cli_of(place: Place) -> Cli:
    return Cli(place.folder, **place.environment)


def register_copy(place: Place, *, inverted: bool) -> None:
    """Register the shipped version as version 3, as it is or with its logits turned round."""
    made = place.folder / "made"
    shutil.copytree(SHIPPED, made)
    manifest = ModelManifest.read(made / "manifest.json")
    weights = made / manifest.weights_file
    if inverted:
        model = onnx.load(weights)
        [output] = model.graph.output
        for node in model.graph.node:
            node.output[:] = ["upright" if name == output.name else name for name in node.output]
            node.input[:] = ["upright" if name == output.name else name for name in node.input]
        model.graph.node.append(helper.make_node("Neg", ["upright"], [output.name]))
        onnx.save(model, weights)
    files = {manifest.weights_file: hashlib.sha256(weights.read_bytes()).hexdigest()}
    manifest = replace(manifest, version="3", files=files)
    parity = recorded(OnnxRuntimeBackend(weights, manifest, 1), manifest.input)
    replace(manifest, parity=parity).write(made / "manifest.json")
    done = cli_of(place).run("models", "register", str(made))
    assert done.returncode == 0, done.stderr


def start(place: Place, *options: str, policy: dict[str, Any] | None = None) -> None:
    (place.folder / "policy.json").write_text(json.dumps(policy or {}))
    done = cli_of(place).run(
        *("models", "rollout", "start", "deepfake", "3", "--reason", "to see", "--actor", "ann"),
        *("--policy", str(place.folder / "policy.json"), *options),
    )
    assert done.returncode == 0, done.stderr


def model_of(client: httpx.Client) -> dict[str, Any]:
    time.sleep(LOOK_S)
    [told] = client.get("/v1/models").json()["models"]
    return dict(told)


def takes_part(client: httpx.Client) -> bool:
    return model_of(client)["taking_part"]["rollout_id"] is not None


@dataclass
class Traffic:
    """Callers who send a file of its own with each request, to all replicas in turn.

    Attributes:
        clients: of the replicas.
        answers: status, file and version of each answer, in the order in which they came.
    """

    clients: list[httpx.Client]
    answers: list[tuple[int, bytes, str]] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)
    _picture: bytes = field(default_factory=face)
    _numbers: Iterator[int] = field(default_factory=count)

    def ask(self) -> None:
        while not self.over.is_set() and (number := next(self._numbers)) < MOST_REQUESTS:
            content = self._picture + str(number).encode()  # decoders stop at the end mark
            response = self.clients[number % len(self.clients)].post("/predict", files=upload(content, "face.jpg"))
            version = response.json()["model"]["version"] if response.status_code == 200 else response.text
            self.answers.append((response.status_code, content, version))

    def until(self, condition: Callable[[], bool]) -> None:
        with ThreadPoolExecutor(CALLERS) as pool:
            asking = [pool.submit(self.ask) for _ in range(CALLERS)]
            try:
                until(condition, 2 * SOON_S)
            finally:
                self.over.set()
            for caller in asking:
                caller.result()


def test_a_canary_with_inverted_scores_is_rolled_back_under_load(tmp_path: Path) -> None:
    place = make_place(tmp_path, JOB_WORKERS="0")
    register_copy(place, inverted=True)
    with place.service() as (_, client):
        start(place, "--share", "0.5", policy={"latency_ratio": 20})  # a busy machine is not the matter here
        until(lambda: takes_part(client), SOON_S)
        traffic = Traffic([client])
        traffic.until(lambda: model_of(client)["rollout"]["state"] != "running")
        assert {status for status, _, _ in traffic.answers} == {200}
        assert {version for _, _, version in traffic.answers} == {"2", "3"}
        assert len(traffic.answers) <= 200
        after = client.post("/predict", files=upload(traffic.answers[-1][1], "face.jpg")).json()
        assert after["model"]["version"] == "2"
        until(lambda: model_of(client)["rollout"]["settled"], SOON_S)
        told = model_of(client)
    assert told["answering"] == "2"
    assert told["rollout"]["state"] == "rolled_back"
    assert told["rollout"]["ended"]["actor"] == "dfd rollout"
    assert "is allowed" in told["rollout"]["ended"]["reason"]
    assert told["rollout"]["arms"]["challenger"]["version"] == "3"
    alarmed = {rail["name"] for rail in told["rollout"]["rails"] if rail["standing"] == "alarm"}
    assert alarmed & {"ks", "psi", "disagreement"}
    shown = lines(cli_of(place).run("models", "rollout", "status", "deepfake", "--json").stdout)
    assert shown[0]["ended"]["figures"] == told["rollout"]["ended"]["figures"]
    assert shown[0]["ended"]["figures"]["ks"] > 0.3
    audit = lines((place.folder / "models" / "deepfake" / "audit.jsonl").read_text())
    assert [(line["action"], line["alias"], line["from"], line["to"], line["actor"]) for line in audit[1:]] == [
        ("promote", "challenger", None, "3", "ann"),
        ("withdraw", "challenger", "3", None, "dfd rollout"),
    ]
    assert audit[-1]["figures"] == told["rollout"]["ended"]["figures"]
    refused = cli_of(place).run("models", "rollout", "start", "deepfake", "3", "--reason", "once more")
    assert refused.returncode == 4
    assert "was rolled_back before" in refused.stderr


def test_a_good_canary_is_promoted_once_by_two_replicas(tmp_path: Path, postgres: "PostgresServer") -> None:
    place = make_place(tmp_path, JOB_WORKERS="0", DATABASE_URL=postgres.new_database())
    register_copy(place, inverted=False)
    with ExitStack() as stack:
        clients = [stack.enter_context(place.service())[1] for _ in range(2)]
        start(place, "--share", "0.5", policy=QUICK)
        until(lambda: all(map(takes_part, clients)), SOON_S)
        traffic = Traffic(clients)
        traffic.until(lambda: all(model_of(client)["answering"] == "3" for client in clients))
        told = model_of(clients[0])
    assert {status for status, _, _ in traffic.answers} == {200}
    assert {version for _, _, version in traffic.answers} == {"2", "3"}
    assert told["rollout"]["state"] == "promoted"
    assert told["rollout"]["settled"]
    assert [version["aliases"] for version in told["versions"]] == [["previous"], ["champion"]]
    shown = cli_of(place).run("models", "show", "deepfake", "--json").stdout
    [history] = [line["history"] for line in lines(shown)]
    assert [(change["alias"], change["to"]) for change in history] == [
        ("champion", "2"),
        ("challenger", "3"),
        ("champion", "3"),
    ]
    assert history[-1]["figures"]["challenger_observations"] >= QUICK["min_observations"]
    assert "promoted" in cli_of(place).run("models", "rollout", "status", "deepfake").stdout


def test_the_same_file_gets_the_same_version_from_every_process_and_jobs_too(tmp_path: Path) -> None:
    place = make_place(tmp_path, JOB_WORKERS="0")
    register_copy(place, inverted=False)
    picture = place.folder / "picture.jpg"
    with ExitStack() as stack:
        clients = [stack.enter_context(place.service())[1] for _ in range(2)]
        stack.enter_context(place.process("worker"))
        start(place, "--share", "0.5", policy=QUICK | {"promotes": False})
        until(lambda: all(map(takes_part, clients)), SOON_S)
        until(lambda: sum("begins here" in line["message"] for line in place.log) == 3, SOON_S)
        versions = set()
        for number in range(8):
            content = face() + str(number).encode()
            picture.write_bytes(content)
            answers = [
                client.post("/predict", files=upload(content, "face.jpg")).json()["model"]["version"]
                for client in clients
            ]
            answers.append(answered(clients[0], submit(clients[0], picture)))
            known = submit(clients[1], picture)  # answered from the report, at once
            assert job_of(clients[1], known)["state"] == "succeeded"
            answers.append(answered(clients[1], known))
            assert len(set(answers)) == 1
            versions |= set(answers)
        assert versions == {"2", "3"}
        stopped = cli_of(place).run("models", "rollout", "stop", "deepfake", "--reason", "seen enough", "--json")
        assert lines(stopped.stdout)[0]["state"] == "stopped"
        until(lambda: not any(map(takes_part, clients)), SOON_S)
        for number in range(8):  # what the challenger has said is no answer any more
            picture.write_bytes(face() + str(number).encode())
            assert answered(clients[0], submit(clients[0], picture)) == "2"


def answered(client: httpx.Client, job_id: str) -> str:
    """The version that answered a job, once it has ended."""
    until(lambda: job_of(client, job_id)["state"] == "succeeded", SOON_S)
    version: str = client.get(f"/v1/jobs/{job_id}/report.json").json()["model"]["version"]
    return version


@pytest.mark.faults
def test_a_challenger_that_is_damaged_after_its_start_ends_the_rollout(tmp_path: Path) -> None:
    place = make_place(tmp_path, JOB_WORKERS="0")
    register_copy(place, inverted=False)
    start(place)
    weights = place.folder / "models" / "deepfake" / "3" / "model.onnx"
    weights.write_bytes(weights.read_bytes()[:-1])
    with place.service() as (_, client):
        until(lambda: model_of(client)["rollout"]["settled"], SOON_S)
        told = model_of(client)
        assert (told["rollout"]["state"], told["answering"]) == ("failed", "2")
        assert "model_corrupt" in told["rollout"]["ended"]["reason"]
        assert client.post("/predict", files=upload(face(), "face.jpg")).json()["model"]["version"] == "2"
    refused = cli_of(place).run("models", "rollout", "start", "deepfake", "3", "--reason", "x", "--again")
    assert refused.returncode == 4
    assert "does not match its hash" in refused.stderr
