"""The page of all analyses: a few at a time, the newest first, narrowed by state, verdict and words."""

from dataclasses import dataclass
from typing import Annotated, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response

from dfd.api.front import FrontDesk
from dfd.api.job_routes import place_of
from dfd.api.page.showing import PageRoute, pages_of
from dfd.errors import InvalidParameter
from dfd.job import JobState
from dfd.ports import JobFilter
from dfd.types import Verdict

_PAGE: Final = 25
_LONGEST: Final = 256

GROUPS: Final = {
    "open": ("Waiting or running", frozenset({JobState.QUEUED, JobState.RUNNING})),
    "done": ("Done", frozenset({JobState.SUCCEEDED})),
    "failed": ("Failed", frozenset({JobState.FAILED})),
    "ended": ("Cancelled or expired", frozenset({JobState.CANCELLED, JobState.EXPIRED})),
}
"""States as people look for them."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked for; whatever makes no sense in an address is left out."""

    state: str = ""
    verdict: str = ""
    text: str = ""

    @classmethod
    def read(cls, state: str, verdict: str, text: str) -> "Wanted":
        """From an address."""
        known = {one.value for one in Verdict}
        readable = text.replace("\x00", "").strip()[:_LONGEST]
        return cls(state if state in GROUPS else "", verdict if verdict in known else "", readable)

    @property
    def filter(self) -> JobFilter:
        """For the table of jobs."""
        return JobFilter(
            states=GROUPS[self.state][1] if self.state else None,
            verdicts=frozenset({self.verdict}) if self.verdict else None,
            text=self.text or None,
        )

    def address(self, cursor: int | None) -> str:
        """Of a page of them."""
        fields = {"state": self.state, "verdict": self.verdict, "text": self.text}
        fields["cursor"] = "" if cursor is None else f"{cursor:x}"
        query = urlencode({name: value for name, value in fields.items() if value})
        return f"/analyses?{query}" if query else "/analyses"


past = APIRouter(include_in_schema=False, route_class=PageRoute)


@past.get("/analyses")
async def all_analyses(
    request: Request,
    front: FrontDesk,
    state: str = "",
    verdict: str = "",
    text: str = "",
    cursor: Annotated[str, Query(max_length=32)] = "",
) -> Response:
    """Some analyses, the newest first."""
    wanted = Wanted.read(state, verdict, text)
    try:
        before = place_of(cursor or None)
    except InvalidParameter:
        before = None
    found, following = await front.ask(lambda: front.desk.page(wanted.filter, _PAGE, before))
    return pages_of(request).answer(
        "history.html",
        jobs=found,
        wanted=wanted,
        groups=GROUPS,
        known_verdicts=[one.value for one in Verdict],
        older=None if following is None else wanted.address(following),
        newest=None if before is None else wanted.address(None),
    )
