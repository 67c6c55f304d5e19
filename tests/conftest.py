"""What every test gets."""

import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest
from tests.scheduling import scheduling

if TYPE_CHECKING:
    from tests.broker_servers import Broker
    from tests.model_servers import ModelServer
    from tests.postgres_server import PostgresServer

hypothesis.settings.register_profile("dfd", deadline=None)  # a busy machine is no failure
hypothesis.settings.load_profile("dfd")

_SCHEDULING = scheduling()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "logs_errors: the test expects a record of level ERROR or above")


@pytest.fixture(autouse=True)
def _no_error_logs(request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Fail a test that logs an error without being marked ``logs_errors``."""
    yield
    if request.node.get_closest_marker("logs_errors"):
        return
    records = [*caplog.get_records("setup"), *caplog.get_records("call")]
    errors = [record.getMessage() for record in records if record.levelno >= logging.ERROR]
    assert not errors, f"the test logged errors it does not announce: {errors}"


@pytest.fixture(autouse=True)
def _no_real_time() -> Iterator[None]:
    """Fail a test that leaves this process scheduled otherwise: all that is started later would inherit it."""
    yield
    assert scheduling() == _SCHEDULING, "run what encodes under tests.scheduling.scheduled_as_before"


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of real clips that ``DFD_DATA_DIR`` names; the test is skipped where there is none."""
    named = os.environ.get("DFD_DATA_DIR")
    if not named:
        pytest.skip("DFD_DATA_DIR is not set: no folder of real clips")
    folder = Path(named)
    if not folder.is_dir():
        pytest.skip(f"DFD_DATA_DIR names no folder: {folder}")
    return folder


@pytest.fixture(scope="session")
def postgres() -> "Iterator[PostgresServer]":
    """A real PostgreSQL server, shared by the whole run."""
    from tests.postgres_server import postgres_server  # noqa: PLC0415 - training's environment has no driver

    with postgres_server() as server:
        yield server


@pytest.fixture(scope="session")
def redis() -> "Iterator[Broker]":
    """A real Redis server, shared by the whole run."""
    from tests.broker_servers import redis_server  # noqa: PLC0415 - likewise

    with redis_server() as broker:
        yield broker


@pytest.fixture(scope="session")
def rabbitmq() -> "Iterator[Broker]":
    """A real RabbitMQ server, shared by the whole run."""
    from tests.broker_servers import rabbitmq_server  # noqa: PLC0415 - likewise

    with rabbitmq_server() as broker:
        yield broker


@pytest.fixture(scope="session")
def triton(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[ModelServer]":
    """A real Triton with every model that tests need, shared by the whole run; to be left as it is."""
    from tests.model_servers import triton_with_models  # noqa: PLC0415 - training's environment has no gRPC

    with triton_with_models(tmp_path_factory.mktemp("triton")) as server:
        yield server


@pytest.fixture(scope="session")
def kserve(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[ModelServer]":
    """A real KServe likewise."""
    from tests.model_servers import kserve_with_models  # noqa: PLC0415 - likewise

    with kserve_with_models(tmp_path_factory.mktemp("kserve")) as server:
        yield server


@pytest.fixture(scope="session")
def mlflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real MLflow server, shared by the whole run; each test takes models of its own names."""
    from tests.mlflow_server import mlflow_server  # noqa: PLC0415 - likewise

    with mlflow_server(tmp_path_factory.mktemp("mlflow")) as url:
        yield url
