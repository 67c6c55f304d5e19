"""A real MLflow server for tests, on a free port of this machine, installed by ``make servers``."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.model_servers import PYTHON, _python, _running
from tests.servers import free_port, not_installed


@contextmanager
def mlflow_server(folder: Path) -> Iterator[str]:
    """Its address; tables and artifacts lie in `folder`."""
    _python()
    program = PYTHON.parent / "mlflow"
    if not program.is_file():
        not_installed("no MLflow server: `make servers` installs it")
    port = free_port()
    command = [str(program), "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += [
        "--backend-store-uri",
        f"sqlite:///{folder / 'mlflow.db'}",
        "--artifacts-destination",
        str(folder / "art"),
    ]
    url = f"http://127.0.0.1:{port}"
    environment = {"PATH": f"{PYTHON.parent}:/usr/bin:/bin", "HOME": str(folder), "MLFLOW_DISABLE_TELEMETRY": "true"}
    with _running(command, environment, f"{url}/health", folder / "mlflow.log"):
        yield url
