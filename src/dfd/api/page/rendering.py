"""From templates to answers, with the headers that keep a page from loading or running what is not its own."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

import dfd
from dfd.api.page import words
from dfd.api.page.analyses import title_of
from dfd.api.page.assets import Assets
from dfd.api.services import Services

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""Content-Security-Policy of every page: only what comes from here runs, and nothing that stands in the page itself."""

_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
}


class Pages:
    """Renders the page's templates. Safe to use from several threads.

    Attributes:
        assets: scripts and styles.
    """

    def __init__(self, services: Services) -> None:
        """Render for an application that was made of `services`."""
        self.assets = Assets()
        self._templates = Environment(
            loader=FileSystemLoader(Path(__file__).parent / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters.update(
            percent=percent, clock=clock, size=size, moment=moment, seconds=seconds, short=short, plain=plain
        )
        policy = services.policy
        self._templates.globals.update(
            asset=self.assets.url,
            modules=self.assets.modules,
            words=words.for_scripts(),
            max_upload_bytes=policy.max_upload_bytes,
            software=dfd.__version__,
            guarded=services.authenticator is not None,
            states=words.STATES,
            verdict_words=words.VERDICTS,
            title_of=title_of,
            problem_words=words.of_problem,
        )

    def answer(self, template: str, status: int = 200, **context: Any) -> HTMLResponse:
        """A page.

        Args:
            template: its name.
            status: of HTTP.
            context: what it says.
        """
        return HTMLResponse(self.html(template, context), status, headers=_HEADERS)

    def html(self, template: str, context: Mapping[str, Any]) -> str:
        """A page as text."""
        return self._templates.get_template(template).render(context)


def percent(share: float) -> str:
    """A share in [0, 1] as people read it."""
    return f"{100 * share:.0f} %"


def clock(time_s: float) -> str:
    """A place in a video: minutes and seconds, with hours where there are any."""
    tenths = round(time_s * 10)
    minutes, rest = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    text = f"{minutes:02d}:{rest / 10:04.1f}" if hours else f"{minutes}:{rest / 10:04.1f}"
    return f"{hours}:{text}" if hours else text


def seconds(duration_s: float) -> str:
    """A duration."""
    return f"{duration_s:.1f} s" if duration_s < 60 else clock(duration_s)


def size(count: int) -> str:
    """Bytes as people read them."""
    if count < 1000:
        return f"{count} bytes"
    value, units = count / 1000, ["kB", "MB", "GB", "TB"]
    while value >= 999.5 and len(units) > 1:
        value, units = value / 1000, units[1:]
    return f"{value:.0f} {units[0]}" if value >= 10 else f"{value:.1f} {units[0]}"


def moment(at: str | float) -> str:
    """A moment, UTC, to the minute; from ISO 8601 text or seconds since the epoch."""
    when = datetime.fromtimestamp(at, UTC) if isinstance(at, float | int) else datetime.fromisoformat(at)
    return when.astimezone(UTC).strftime("%d %b %Y, %H:%M UTC")


def short(digest: str) -> str:
    """The beginning of a hash."""
    return digest[:12]


def plain(text: str) -> str:
    """Text without the marks that make words of it stand out."""
    return text.replace("`", "")
