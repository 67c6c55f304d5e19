"""Two people in one picture: which face is which, on the page and in its reports."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from playwright.sync_api import expect
from samples.make_samples import astronaut, hopper
from tests.browser.served import Served, Visit
from tests.synthetic_video import write_video

from dfd.types import ImageU8

SIDE_PX = 512
RATE_HZ = 10
SECONDS = 3


def sides() -> ImageU8:
    people = [np.asarray(cv2.resize(one[:SIDE_PX, :SIDE_PX], (SIDE_PX, SIDE_PX))) for one in (astronaut(), hopper())]
    return np.concatenate(people, axis=1)


@pytest.fixture(scope="module")
def job_id(service: Served, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The analysis of two people who sway a little."""
    picture = sides()
    path = write_video(
        tmp_path_factory.mktemp("clips") / "two.mp4",
        frames=RATE_HZ * SECONDS,
        fps=RATE_HZ,
        size=(2 * SIDE_PX, SIDE_PX),
        options={"crf": "18", "preset": "ultrafast"},
        pixel_format="yuv420p",
        paint=lambda number, _size: np.roll(picture, number % 4, axis=0),
    )
    submitted = service.submit(path)
    report = service.ended(submitted)["result"]
    assert len(report["tracks"]) == 2
    assert {score["pts_s"] for score in report["face_scores"] if score["track_id"] == 0} == {
        score["pts_s"] for score in report["face_scores"] if score["track_id"] == 1
    }
    return submitted


def test_the_maps_of_all_faces_of_a_moment_can_be_laid_over_the_video(visit: Visit, job_id: str) -> None:
    page = visit.page
    page.goto(f"/analyses/{job_id}")
    visit.until("document.querySelector('#player').readyState >= 2")
    tools = page.get_by_role("group", name="Heat map over the video")
    button = tools.get_by_role("button", name="Heat map of this moment")
    expect(button).to_be_enabled()
    button.focus()
    page.keyboard.press("Enter")
    visit.until("document.querySelector('#boxes').dataset.maps === '1'")
    said = tools.get_by_role("status")
    expect(said).to_contain_text("Heat map of face 1 at")
    expect(said).to_contain_text("Once more for face 2.")
    expect(button).to_be_focused()
    page.keyboard.press("Enter")
    visit.until("document.querySelector('#boxes').dataset.maps === '2'")
    expect(said).to_contain_text("Heat map of face 2 at")
    expect(said).not_to_contain_text("Once more")
    expect(button).to_be_disabled()
    expect(button).to_be_focused()


def test_page_and_report_call_the_faces_alike(visit: Visit, service: Served, job_id: str) -> None:
    page = visit.page
    page.goto(f"/analyses/{job_id}")
    on_page = {
        face.locator("h3").inner_text(): face.get_attribute("data-track") for face in page.locator(".face").all()
    }
    page.goto(f"/v1/jobs/{job_id}/report.html")
    rows = page.locator("table", has_text="track_id").locator("tbody tr").all()
    cells = [row.locator("td, th").all_inner_texts() for row in rows]
    assert {f"Face {row[0]}": row[-1] for row in cells} == on_page
    assert set(on_page) == {"Face 1", "Face 2"}
    expect(page.get_by_role("heading", level=3, name="Face ")).to_have_text(["Face 1", "Face 2"])


def test_the_report_is_a_click_away_as_pdf(visit: Visit, job_id: str) -> None:
    page = visit.page
    page.goto(f"/analyses/{job_id}")
    with page.expect_download() as loading:
        page.get_by_role("link", name="PDF").click()
    assert loading.value.suggested_filename.endswith(".pdf")
    assert Path(loading.value.path()).read_bytes().startswith(b"%PDF-")
