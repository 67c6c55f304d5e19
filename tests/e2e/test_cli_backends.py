"""``dfd predict --backend``, as a process, on the sample clips: the same verdicts whatever scores the faces."""

from pathlib import Path

import pytest
from tests.cli_process import ROOT, Cli, lines
from tests.model_servers import ModelServer
from tests.servers import free_port

SAMPLES = sorted((ROOT / "samples").glob("*.mp4"))


@pytest.fixture(scope="module")
def shipped_cli(tmp_path_factory: pytest.TempPathFactory) -> Cli:
    """With the shipped model, in a folder of its own."""
    return Cli(tmp_path_factory.mktemp("cli"), MODELS_DIR=str(ROOT / "models"), NO_FACE_FALLBACK="false")


def verdicts(cli: Cli, *arguments: str, **environment: str) -> dict[str, tuple[str, float, list[str]]]:
    """Verdict, probability and backends by the name of the clip."""
    done = cli.run("predict", "--json", *arguments, *map(str, SAMPLES), REQUEST_TIMEOUT="120", **environment)
    assert done.returncode == 0, done.stderr
    found = {}
    for line in lines(done.stdout):
        found[Path(line["path"]).name] = (line["verdict"], line["fake_probability"], line["model"]["backends"])
    return found


@pytest.fixture(scope="module")
def embedded(shipped_cli: Cli) -> dict[str, tuple[str, float, list[str]]]:
    found = verdicts(shipped_cli)
    assert [backends for _, _, backends in found.values()] == [["onnx"]] * len(SAMPLES)
    return found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("backend", "server", "setting", "scheme"),
    [
        ("oip", "triton", "OIP_URL", "http_url"),
        ("oip", "triton", "OIP_URL", "grpc_url"),
        ("tfserving", "kserve", "TF_SERVING_URL", "http_url"),
    ],
)
def test_verdicts_are_the_same_wherever_the_model_runs(
    shipped_cli: Cli,
    embedded: dict[str, tuple[str, float, list[str]]],
    backend: str,
    server: str,
    setting: str,
    scheme: str,
    request: pytest.FixtureRequest,
) -> None:
    place: ModelServer = request.getfixturevalue(server)
    there = verdicts(shipped_cli, "--backend", backend, **{setting: getattr(place, scheme)})
    assert there.keys() == embedded.keys()
    for name, (verdict, probability, backends) in there.items():
        assert verdict == embedded[name][0]
        assert probability == pytest.approx(embedded[name][1], abs=1e-4)
        assert backends == [backend]


def test_a_server_that_is_away_is_an_error_of_the_model(shipped_cli: Cli) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    done = shipped_cli.run("predict", "--backend", "tfserving", str(SAMPLES[0]), TF_SERVING_URL=url)
    assert done.returncode == 4
    assert f"model server {url} does not answer" in done.stdout + done.stderr


def test_a_backend_without_its_address_is_refused(shipped_cli: Cli) -> None:
    done = shipped_cli.run("predict", "--backend", "oip", str(SAMPLES[0]))
    assert done.returncode == 4
    assert "OIP_URL is not set" in done.stdout + done.stderr
