"""Asking TensorFlow Serving, or a server that speaks its REST protocol, whether it has the model."""

import http.client
import json
from typing import Any, Final
from urllib.parse import quote, urlsplit

_MAX_ANSWER_BYTES: Final = 1 << 16


def model_status(base_url: str, name: str, timeout_s: float) -> dict[str, Any] | None:
    """What the server says of a model: ``GET <base_url>/v1/models/<name>``.

    TensorFlow Serving answers ``{"model_version_status": [...]}``, KServe ``{"name": ..., "ready": ...}``; both are
    passed on as they are. The connection is made directly, never through a proxy of the environment.

    Args:
        base_url: ``http`` or ``https`` address of the server.
        name: model name.
        timeout_s: longest wait for the connection, and again for the answer.

    Returns:
        the server's JSON object; None when it does not answer or does not know the model.
    """
    parts = urlsplit(base_url)
    secure = parts.scheme == "https"
    connect = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    try:
        connection = connect(parts.hostname or "", parts.port, timeout=timeout_s)
    except (http.client.InvalidURL, ValueError):  # a port that is no number
        return None
    try:
        connection.request("GET", f"{parts.path.rstrip('/')}/v1/models/{quote(name)}")
        response = connection.getresponse()
        answer = json.loads(response.read(_MAX_ANSWER_BYTES))
    except (OSError, http.client.HTTPException, ValueError):  # refused, not HTTP, not JSON
        return None
    finally:
        connection.close()
    return answer if response.status == http.client.OK and isinstance(answer, dict) else None
