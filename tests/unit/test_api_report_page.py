"""The report as a page: all of it there, everything escaped, nothing run and nothing loaded."""

import re
from html.parser import HTMLParser
from typing import Any

import pytest
from tests.api_client import assert_problem, client_of, make_services
from tests.fakes import make_face_score, make_report
from tests.unit.test_jobs import House

from dfd.api.report_page import Segment, report_page, segments_of
from dfd.reporting import report_to_dict
from dfd.types import Reason, Verdict

VOID = {"meta", "circle", "rect", "line"}


class Tags(HTMLParser):
    """The tags of a page, which must be closed in their order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(page)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def scores(*probabilities: float, track_id: int = 0) -> tuple[Any, ...]:
    return tuple(
        make_face_score(track_id=track_id, frame_index=index, pts_s=index * 0.5, fake_probability=probability)
        for index, probability in enumerate(probabilities)
    )


def test_the_page_says_what_the_report_says() -> None:
    page = report_page(report_to_dict(make_report(reasons=(Reason.NEAR_THRESHOLD,))))
    text = Tags(page).text
    for words in ("Verdict: fake", "near threshold", "0.900", "threshold 0.500", "640 x 360 px", "c0" * 32):
        assert words in text
    assert not re.search(r"<script|javascript:|https?:|url\(|@import|\ssrc=|\shref=|\son\w+=", page)
    assert "default-src 'none'" in page


def test_a_report_of_nothing_is_a_page_too() -> None:
    nothing = make_report(
        verdict=Verdict.INCONCLUSIVE, reasons=(Reason.NO_FACE,), fake_probability=None, tracks=(), face_scores=()
    )
    text = Tags(report_page(report_to_dict(nothing))).text
    assert "Verdict: inconclusive" in text
    assert "no face" in text
    assert "nothing was scored" in text


@pytest.mark.parametrize("field", ["codec", "name", "operating_point"])
def test_everything_is_escaped(field: str) -> None:
    report = report_to_dict(make_report())
    evil = "<script>alert(1)</script>\"'&"
    {"codec": report["video"], "name": report["model"], "operating_point": report}[field][field] = evil
    tags = Tags(report_page(report))
    assert "script" not in {tag for tag, _ in tags.seen}
    assert evil.replace("_", " ") in tags.text


def test_segments_are_unbroken_stretches_of_one_face() -> None:
    report = make_report(face_scores=scores(0.9, 0.5, 0.1, 0.7) + scores(0.2, 0.6, track_id=1))
    assert segments_of(report_to_dict(report)) == [
        Segment(0, 0.0, 0.5, 2, 0.9),
        Segment(1, 0.5, 0.5, 1, 0.6),
        Segment(0, 1.5, 1.5, 1, 0.7),
    ]


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_the_service_gives_the_page_once_there_is_a_report() -> None:
    house = House()
    async with client_of(make_services(house.analyzer, jobs=house.desk)) as client:
        posted = await client.post("/v1/jobs", files={"file": ("a", b"video")})
        address = f"/v1/jobs/{posted.json()['jobs'][0]['id']}/report.html"
        assert_problem(await client.get(address), 409, "report_not_ready")
        house.worker().run_one(house.stop)
        page = await client.get(address)
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["content-security-policy"].startswith("default-src 'none'")
    assert "Verdict: " in page.text
