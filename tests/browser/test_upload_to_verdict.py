"""From a file to its verdict: what is shown, how player and timeline hold together, and the heat map on request."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from playwright.sync_api import expect
from tests.browser.conftest import SAMPLES
from tests.browser.served import Served, Visit


def fakes_of_a_hundred(report: Mapping[str, Any]) -> int:
    """What the manifest of the model that answered says of its score."""
    model = report["model"]
    path = SAMPLES.parent / "models" / model["name"] / model["version"] / "manifest.json"
    bins = json.loads(path.read_text(encoding="utf-8"))["reliability"]["bins"]
    [found] = [entry for entry in bins if entry["low"] <= report["fake_probability"] < entry["high"]]
    return round(100 * float(found["fake_share"]))


def test_a_dropped_video_gets_a_verdict_with_faces_timeline_and_heat_map(visit: Visit, service: Served) -> None:
    page = visit.page
    job_id = visit.upload_and_wait(SAMPLES / "fake_swap.mp4")
    report = service.ended(job_id)["result"]
    expect(page.get_by_role("heading", level=1)).to_have_text("fake_swap.mp4")
    expect(page.locator("#verdict")).to_have_text(report["verdict"].capitalize())
    expect(page.locator(".scale .value")).to_have_text(f"{report['fake_probability'] * 100:.0f} %")
    fakes = fakes_of_a_hundred(report)
    expect(page.locator(".meaning")).to_contain_text(
        f"Of 100 videos scored like this, about {fakes} were fake in our tests"
    )
    assert page.locator(".dots .on").count() == fakes
    expect(page.locator(".reasons li")).to_have_count(len(report["reasons"]))
    expect(page.locator(".facts")).to_contain_text(report["model"]["weights_sha256"])
    expect(page.locator(".facts")).to_contain_text(report["input_sha256"])
    expect(page.locator(".blind dt")).not_to_have_count(0)
    expect(page.locator(".face")).to_have_count(len(report["tracks"]))
    page.locator(".face").scroll_into_view_if_needed()
    visit.until("document.querySelector('.face img').naturalWidth === 160")
    moment = page.locator(".moment").first
    moment.get_by_role("button", name="Show the heat map").click()
    drawn = moment.locator("canvas")
    expect(drawn).to_be_visible()
    strong = drawn.evaluate("it => it.toDataURL()")
    moment.get_by_role("slider").fill("0")
    assert drawn.evaluate("it => it.toDataURL()") != strong
    page.get_by_role("button", name="Show the parts").click()
    expect(page.locator("#regions tbody tr")).to_have_count(6)


def test_the_map_of_any_moment_is_laid_over_the_video_where_the_face_is(visit: Visit, service: Served) -> None:
    page = visit.page
    report = service.ended(visit.upload_and_wait(SAMPLES / "fake_swap.mp4"))["result"]
    sampled_s = min((score["pts_s"] for score in report["face_scores"]), key=lambda pts_s: abs(pts_s - 1.6))
    visit.until("document.querySelector('#player').readyState >= 2")
    tools = page.get_by_role("group", name="Heat map over the video")
    tools.scroll_into_view_if_needed()
    strength = tools.get_by_role("slider", name="Strength")
    expect(strength).to_be_disabled()
    page.evaluate("document.querySelector('#player').currentTime = 1.6")
    visit.until("!document.querySelector('#player').seeking")
    page.wait_for_function("document.querySelector('#boxes').dataset.faces === '1'")
    bare = page.locator("#boxes").evaluate("it => it.toDataURL()")
    button = tools.get_by_role("button", name="Heat map of this moment")
    button.focus()
    page.keyboard.press("Enter")
    visit.until("document.querySelector('#boxes').dataset.maps === '1'")
    assert visit.time_s() == pytest.approx(sampled_s, abs=1e-3)
    expect(tools.get_by_role("status")).to_have_text("Heat map of face 1 at 0:01.5.")
    drawn = page.locator("#boxes").evaluate("it => it.toDataURL()")
    assert drawn != bare
    strength.fill("30")
    assert page.locator("#boxes").evaluate("it => it.toDataURL()") != drawn
    page.evaluate("document.querySelector('#player').currentTime = 3")
    visit.until("document.querySelector('#boxes').dataset.maps === '0'")
    page.evaluate("time => (document.querySelector('#player').currentTime = time)", sampled_s)
    visit.until("document.querySelector('#boxes').dataset.maps === '1'")
    expect(button).to_be_disabled()  # it is there


def test_right_after_the_upload_the_users_own_file_plays(visit: Visit) -> None:
    visit.upload_and_wait(SAMPLES / "fake_swap.mp4")
    visit.until("document.querySelector('#player').readyState >= 2")
    assert visit.page.evaluate("document.querySelector('#player').src").startswith("blob:")


def test_later_the_stored_upload_plays_and_can_be_searched(visit: Visit, service: Served) -> None:
    job_id = service.submit(SAMPLES / "real_astronaut.mp4")
    service.ended(job_id)
    visit.page.goto(f"/analyses/{job_id}")
    visit.until("document.querySelector('#player').readyState >= 2")
    assert visit.page.evaluate("document.querySelector('#player').src").endswith("/media")
    visit.page.evaluate("document.querySelector('#player').currentTime = 3")
    visit.until("!document.querySelector('#player').seeking")
    assert visit.time_s() == 3


def test_timeline_and_player_follow_each_other(visit: Visit, service: Served) -> None:
    page = visit.page
    visit.upload_and_wait(SAMPLES / "real_hopper.mp4")
    visit.until("document.querySelector('#player').readyState >= 2")
    slider = page.get_by_role("slider", name="Place in the video")
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    assert box
    page.mouse.click(box["x"] + box["width"] * 0.5, box["y"] + 30)
    visit.until("Math.abs(document.querySelector('#player').currentTime - 2.5) < 0.05")
    visit.until("Math.abs(document.querySelector('#tl-scroll').ariaValueNow - 2.5) < 0.1")
    page.evaluate("document.querySelector('#player').currentTime = 1")
    visit.until("document.querySelector('#tl-scroll').getAttribute('aria-valuenow') === '1.0'")
    text = slider.get_attribute("aria-valuetext") or ""
    assert text.startswith("0:01.0, face 1 ")
    place = page.evaluate("new DOMMatrix(getComputedStyle(document.querySelector('#tl-head')).transform).e")
    assert abs(place - box["width"] / 5) < 2
    page.evaluate("document.querySelector('#player').muted = true, document.querySelector('#player').play()")
    visit.until("Number(document.querySelector('#tl-scroll').getAttribute('aria-valuenow')) > 1.5")
    assert page.evaluate("document.querySelector('#boxes').dataset.faces") == "1"


def test_an_answer_that_is_known_shows_the_upload_it_was_given_for(visit: Visit, service: Served) -> None:
    path = SAMPLES / "fake_swap.mp4"
    first = service.ended(service.submit(path))
    again = service.ended(service.submit(path))
    assert again["answered_from"] in (first["id"], first["answered_from"])
    visit.page.goto(f"/analyses/{again['id']}")
    visit.until("document.querySelector('#player').readyState >= 2")
    visit.page.locator(".face").scroll_into_view_if_needed()
    visit.until("document.querySelector('.face img').naturalWidth === 160")
