"""For everyone: no violation that axe finds, in light and dark; by keyboard alone; on a phone."""

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Route, expect
from tests.browser.conftest import SAMPLES
from tests.browser.served import Served, Visit

PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}


@pytest.fixture(scope="module")
def job_ids(service: Served) -> list[str]:
    """Ended analyses of all samples."""
    found = [service.submit(path) for path in sorted(SAMPLES.glob("*.mp4"))]
    for job_id in found:
        service.ended(job_id)
    return found


def addresses(job_ids: list[str]) -> list[str]:
    return [
        "/",
        f"/analyses/{job_ids[0]}",
        "/analyses",
        f"/compare?with={job_ids[0]}&with={job_ids[1]}",
        "/admin",
        "/analyses/nowhere",
    ]


def violations(page: Page) -> list[str]:
    response = Axe().run(page).response
    assert response["passes"]  # it has looked at something
    return [f"{one['id']}: {[node['html'][:120] for node in one['nodes']]}" for one in response["violations"]]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(browser: Browser, service: Served, job_ids: list[str], scheme: str) -> None:
    with Visit(browser, service, color_scheme=scheme) as visit:
        visit.expected.append("404")
        for address in addresses(job_ids):
            visit.page.goto(address)
            assert violations(visit.page) == [], address
        visit.page.goto(f"/analyses/{job_ids[0]}")
        visit.page.get_by_role("button", name="Show the heat map").first.click()
        visit.page.locator(".map canvas").wait_for()
        visit.page.get_by_role("button", name="Show the parts").click()
        visit.page.locator("#regions tbody tr").first.wait_for()
        assert violations(visit.page) == []
        visit.page.get_by_role("button", name="Delete this analysis").click()
        assert violations(visit.page) == []


def test_while_it_runs_axe_finds_nothing_either(thorough_visit: Visit) -> None:
    page = thorough_visit.page
    thorough_visit.upload(SAMPLES / "real_hopper.mp4", SAMPLES / "fake_swap.mp4")
    page.locator(".upload a").first.wait_for()
    assert violations(page) == []
    page.locator(".upload a").first.click()
    page.wait_for_selector("#progress, .verdict")
    assert violations(page) == []


@pytest.fixture
def phone(browser: Browser, service: Served) -> Iterator[Visit]:
    with Visit(browser, service, **PHONE) as visit:
        yield visit


def test_on_a_phone_everything_fits_and_can_be_touched(phone: Visit, job_ids: list[str]) -> None:
    phone.expected.append("404")
    for address in addresses(job_ids):
        phone.page.goto(address)
        assert phone.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), address
        for button in phone.page.locator(".button:visible").all():
            box = button.bounding_box()
            assert box
            assert box["height"] >= 44
    phone.page.goto(f"/analyses/{job_ids[0]}")
    slider = phone.page.get_by_role("slider", name="Place in the video")
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    assert box
    phone.page.touchscreen.tap(box["x"] + box["width"] * 0.4, box["y"] + 30)
    phone.until("Math.abs(document.querySelector('#player').currentTime - 2) < 0.1")


def test_by_keyboard_alone_from_the_first_page_to_the_heat_map(visit: Visit) -> None:
    page = visit.page
    page.goto("/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    with page.expect_file_chooser() as chosen:
        page.keyboard.press("Tab")
        expect(page.get_by_label("Choose videos")).to_be_focused()
        page.keyboard.press("Space")
    chosen.value.set_files(SAMPLES / "fake_swap.mp4")
    page.wait_for_selector(".verdict")
    expect(page.locator("main")).to_be_focused()
    visit.until("document.querySelector('#player').readyState >= 2")
    reach(page, "#tl-scroll")
    for key, seconds in (("End", 4.5), ("Home", 0.0), ("ArrowRight", 0.5), ("ArrowRight", 1.0), ("ArrowLeft", 0.5)):
        page.keyboard.press(key)
        visit.until(f"Math.abs(document.querySelector('#player').currentTime - {seconds}) < 0.05")
        visit.until(f"Math.abs(document.querySelector('#tl-scroll').ariaValueNow - {seconds}) < 0.05")
    page.keyboard.press("+")
    visit.until("document.querySelector('#tl-space').offsetWidth > document.querySelector('#tl-scroll').clientWidth")
    reach(page, "[data-explain]")
    page.keyboard.press("Enter")
    expect(page.locator("[data-strength]").first).to_be_focused()  # the button has given way to what it brought
    reach(page, "#load-regions")
    page.keyboard.press("Enter")
    expect(page.locator("#regions table")).to_be_focused()
    reach(page, "#forget")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page.get_by_role("button", name="Delete this analysis")).to_be_focused()


def test_the_link_to_the_content_leaves_the_page_as_it_is(visit: Visit, job_ids: list[str]) -> None:
    page = visit.page
    page.goto(f"/analyses/{job_ids[0]}")
    page.evaluate("main.known = true; addEventListener('hashchange', () => (window.arrived = true))")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    visit.until("window.arrived")
    assert page.evaluate("main.known && !main.classList.contains('waiting')")
    expect(page.locator("main")).to_be_focused()


def test_going_back_and_at_once_forward_ends_where_it_began(visit: Visit) -> None:
    page = visit.page
    page.goto("/")
    page.get_by_role("link", name="History").click()
    expect(page.get_by_role("heading", name="History")).to_be_visible()
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route(visit.service.url + "/", hold)
    page.evaluate("history.back()")
    visit.until("location.pathname === '/'")
    visit.until("main.classList.contains('waiting')")
    page.evaluate("history.forward()")
    visit.until("location.pathname === '/analyses' && !main.classList.contains('waiting')")
    with page.expect_response(visit.service.url + "/") as late:
        held[0].continue_()
    late.value.finished()
    page.wait_for_timeout(200)  # for what must not come
    assert page.title().startswith("History")
    expect(page.get_by_role("heading", name="History")).to_be_visible()


def reach(page: Page, selector: str) -> None:
    """Press Tab until something has the focus."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"{selector} is not reached by the keyboard")
