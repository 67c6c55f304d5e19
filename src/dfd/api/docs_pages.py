"""The page that shows the interface to people. It brings all it needs, and lets its own script run and no other."""

import base64
import hashlib
import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse

from dfd.api.page.assets import Assets

_PACKAGE: Final = "fastapi_offline"
"""Holds the files of Swagger UI. They alone are used: the package would put routes of its own into the application."""

_SCRIPT: Final = "swagger-ui-bundle.js"
_STYLE: Final = "swagger-ui.css"
_INLINE: Final = re.compile(r"<script>(.*?)</script>", re.DOTALL)

documentation = APIRouter(include_in_schema=False)


@cache
def _swagger_ui() -> Assets:
    """Its files, which are read when somebody first asks for the page."""
    found = find_spec(_PACKAGE)
    if found is None or found.origin is None:
        raise ModuleNotFoundError(f"{_PACKAGE} is a requirement of DFD, but is not installed")
    return Assets(Path(found.origin).parent / "static", (_SCRIPT, _STYLE), "/docs")


def _shown(page: HTMLResponse) -> HTMLResponse:
    """The page with a policy: no script but the one in it, as it is now, and those of this service."""
    text = bytes(page.body).decode()
    digests = [base64.b64encode(hashlib.sha256(code.encode()).digest()).decode() for code in _INLINE.findall(text)]
    scripts = " ".join(f"'sha256-{digest}'" for digest in digests)
    page.headers["Content-Security-Policy"] = (
        f"default-src 'none'; script-src 'self' {scripts}; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return page


@documentation.get("/docs", response_class=HTMLResponse)
async def swagger_ui_html(request: Request) -> HTMLResponse:
    """The interface, to be tried out."""
    app: FastAPI = request.app
    root = request.scope.get("root_path", "").rstrip("/")
    files = _swagger_ui()
    return _shown(
        get_swagger_ui_html(
            openapi_url=f"{root}{app.openapi_url}",
            title=f"{app.title} - the HTTP interface",
            swagger_js_url=root + files.url(_SCRIPT),
            swagger_css_url=root + files.url(_STYLE),
            swagger_favicon_url=root + app.state.pages.assets.url("icon.svg"),
        )
    )


@documentation.get("/docs/{version}/{name}")
async def swagger_ui_file(request: Request, version: str, name: str) -> Response:
    """Its script and its style."""
    return _swagger_ui().answer(version, name, request)
