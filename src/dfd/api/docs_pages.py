"""The page that shows the interface to people, with a policy that lets its own script run and no other."""

import base64
import hashlib
import re
from typing import Final

from fastapi import APIRouter, FastAPI, Request
from fastapi.openapi.docs import get_swagger_ui_html, get_swagger_ui_oauth2_redirect_html
from fastapi.responses import HTMLResponse

_CDN: Final = "https://cdn.jsdelivr.net/npm/swagger-ui-dist@5/"
_ICON: Final = "https://fastapi.tiangolo.com/img/favicon.png"
_REDIRECT: Final = "/docs/oauth2-redirect"
_INLINE: Final = re.compile(r"<script>(.*?)</script>", re.DOTALL)

documentation = APIRouter(include_in_schema=False)


def _shown(page: HTMLResponse) -> HTMLResponse:
    """The page with a policy: no script but those of the page as it is now, and what it names."""
    text = bytes(page.body).decode()
    digests = [base64.b64encode(hashlib.sha256(code.encode()).digest()).decode() for code in _INLINE.findall(text)]
    scripts = " ".join(f"'sha256-{digest}'" for digest in digests)
    page.headers["Content-Security-Policy"] = (
        f"default-src 'none'; script-src {scripts} {_CDN}; style-src 'unsafe-inline' {_CDN}; img-src data: {_ICON}; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return page


@documentation.get("/docs", response_class=HTMLResponse)
async def swagger_ui_html(request: Request) -> HTMLResponse:
    """The interface, to be tried out."""
    app: FastAPI = request.app
    root = request.scope.get("root_path", "").rstrip("/")
    return _shown(
        get_swagger_ui_html(
            openapi_url=f"{root}{app.openapi_url}",
            title=f"{app.title} - the HTTP interface",
            oauth2_redirect_url=f"{root}{_REDIRECT}",
            swagger_favicon_url=_ICON,
        )
    )


@documentation.get(_REDIRECT, response_class=HTMLResponse)
async def swagger_ui_redirect() -> HTMLResponse:
    """Part of it."""
    return _shown(get_swagger_ui_oauth2_redirect_html())
