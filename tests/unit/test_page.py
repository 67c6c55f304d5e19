"""What the page says, and that it says no more than is so."""

from typing import Any

import pytest
from tests.api_client import FakeAnalyzer, client_of, upload
from tests.fakes import make_face_score, make_report
from tests.unit.test_api_case_files import known
from tests.unit.test_api_explanations import Shop
from tests.unit.test_jobs import House

from dfd.aggregation import VerdictRule, decide, score_tracks
from dfd.api.page.comparing import course
from dfd.api.page.words import PROBLEMS
from dfd.api.problems import KINDS
from dfd.report import Report
from dfd.reporting import report_to_dict
from dfd.types import Verdict

pytestmark = pytest.mark.anyio

NEVER_ON_THE_PAGE = {"key_not_found", "restore_refused", "unreadable_backup"}
"""Codes that only the command line has."""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def with_a_glimpse() -> Report:
    """Of a video that is real though a face of too few frames, behind the leading one, looks fake."""
    faces = [make_face_score(pts_s=n / 2, frame_index=n, fake_probability=0.1) for n in range(8)]
    glimpse = make_face_score(track_id=1, fake_probability=0.95)
    rule = VerdictRule(threshold=0.5, inconclusive_margin=0.1, min_face_frames=4)
    tracks = score_tracks([*faces, glimpse], {}, rule.min_face_frames)
    outcome = decide(tracks, {}, rule)
    return make_report(
        verdict=outcome.verdict,
        reasons=outcome.reasons,
        fake_probability=outcome.fake_probability,
        tracks=tracks,
        face_scores=(*faces, glimpse),
    )


async def page_of(shop: Shop, path: str) -> str:
    async with client_of(shop.app) as client:
        answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    return str(answer.text)


async def test_a_real_video_is_not_said_to_hold_only_faces_that_score_low() -> None:
    report = with_a_glimpse()
    assert (report.verdict, report.tracks[1].fake_probability) == (Verdict.REAL, 0.95)
    shop = await Shop(House(analyzer=FakeAnalyzer(report))).opened()
    page = await page_of(shop, f"/analyses/{shop.job_id}")
    document = await page_of(shop, f"/v1/jobs/{shop.job_id}/report.html")
    for told in (page, document):
        assert "Every face that can be judged scores clearly below the threshold" in told
        assert "leading face (the most suspicious of those that can be judged, if any can) is fake" in told
        assert "that the most suspicious face is fake" not in told
        assert "The first face is the most suspicious" not in told
    assert "The first face leads: the most suspicious of those that can be judged, where there are any." in document


def test_every_problem_that_the_page_may_meet_has_words() -> None:
    assert set(KINDS) - set(PROBLEMS) == NEVER_ON_THE_PAGE


# --- side by side -------------------------------------------------------------------------------------------------


def hour_of(*probabilities: float) -> dict[str, Any]:
    """The report of an hour with two faces, each scored every second, all alike but for the last scores of face 1."""
    alike = [
        make_face_score(track_id=track, pts_s=float(n), fake_probability=0.2) for n in range(3600) for track in (0, 1)
    ]
    last = [
        make_face_score(track_id=1, pts_s=3600.0 + n / 100, fake_probability=probability)
        for n, probability in enumerate(probabilities)
    ]
    return report_to_dict(make_report(face_scores=(*alike, *last), threshold=0.5))


def test_a_comparison_shows_the_end_of_a_long_video() -> None:
    drawn = course(hour_of(0.1, 0.9, 0.3))
    assert (drawn.scores, drawn.over) == (7203, 1)
    assert max(dot.x for dot in drawn.dots) == 316.0
    [suspicious] = [dot for dot in drawn.dots if dot.over]
    assert (suspicious.x, suspicious.y) == (316.0, 10.4)


def test_a_comparison_draws_each_face_at_most_once_a_pixel_with_its_highest_score() -> None:
    drawn = course(hour_of())
    assert len(drawn.dots) == 2 * 313
    assert course(hour_of(0.9, 0.6)).over == 2
    assert sum(dot.over for dot in course(hour_of(0.9, 0.6)).dots) == 1


def test_nothing_is_drawn_of_an_analysis_without_a_report() -> None:
    assert course({}).dots == []


async def test_the_page_of_a_comparison_counts_all_scores_and_draws_those_of_the_end() -> None:
    scores = tuple(make_face_score(pts_s=float(n), fake_probability=0.9 if n > 1990 else 0.1) for n in range(2000))
    house = House(analyzer=FakeAnalyzer(make_report(face_scores=scores)))
    shop = await Shop(house).opened()
    async with client_of(shop.app) as client:
        other = (await client.post("/v1/jobs", files=upload(b"other"))).json()["jobs"][0]["id"]
    assert house.worker().run_one(house.stop)
    page = await page_of(shop, f"/compare?with={shop.job_id}&with={other}")
    assert page.count('aria-label="2000 scores, 9 at or above the threshold"') == 2
    assert page.count('<circle class="fake" cx="316.0"') == 2


# --- deleting -----------------------------------------------------------------------------------------------------


async def test_who_deletes_an_analysis_taken_over_from_another_is_told_that_the_video_stays() -> None:
    shop = await Shop(known()).opened()
    async with client_of(shop.app) as client:
        again = (await client.post("/v1/jobs", files=upload())).json()["jobs"][0]
    assert again["answered_from"] == shop.job_id
    first, second = [await page_of(shop, f"/analyses/{job_id}") for job_id in (shop.job_id, again["id"])]
    assert "The uploaded video, the report and this page are removed." in first
    assert "stays with" not in first
    assert "The uploaded video" not in second
    assert "The video came with an earlier analysis of the same file and stays with that one" in second
