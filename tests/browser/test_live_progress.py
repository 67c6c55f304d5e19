"""While an analysis runs: progress, cancelling, reloading, several tabs, a service that goes away and comes back."""

import re
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect
from tests.browser.served import Served, Visit

Fresh = Callable[..., Path]

RUNNING = "Number(document.querySelector('#progress-bar')?.value) > 0"


def test_progress_is_told_live_and_nothing_jumps(thorough_visit: Visit, fresh: Fresh) -> None:
    page = thorough_visit.page
    thorough_visit.upload(fresh())
    page.wait_for_selector("#progress")
    thorough_visit.until(RUNNING)
    expect(page.locator("#progress-word")).to_have_text("Analysing")
    expect(page.locator("#progress-text")).to_have_text(_matching(r"\d+ of \d+ frames looked at\."))
    first = page.evaluate("document.querySelector('#progress-bar').value")
    thorough_visit.until(
        f"!document.querySelector('#progress-bar') || document.querySelector('#progress-bar').value > {first}"
    )
    page.wait_for_selector(".verdict")
    thorough_visit.until("document.querySelector('#player').readyState >= 2")
    assert page.evaluate("shifts") == []


def test_a_running_analysis_is_cancelled(thorough_visit: Visit, thorough_service: Served, fresh: Fresh) -> None:
    page = thorough_visit.page
    thorough_visit.upload(fresh())
    thorough_visit.until(RUNNING)
    page.get_by_role("button", name="Cancel the analysis").click()
    expect(page.get_by_role("heading", name="The analysis was cancelled")).to_be_visible()
    assert thorough_service.ended(_id(page))["state"] == "cancelled"


def test_a_reload_goes_on_and_so_does_another_tab(thorough_visit: Visit, fresh: Fresh) -> None:
    page = thorough_visit.page
    thorough_visit.upload(fresh())
    thorough_visit.until(RUNNING)
    page.reload()
    page.wait_for_selector("#progress")
    other = thorough_visit.open()
    other.goto(page.url)
    other.wait_for_selector(".verdict")
    page.bring_to_front()
    page.wait_for_selector(".verdict")
    assert page.title() == other.title()


def test_a_service_that_dies_and_comes_back_is_waited_for(
    thorough_visit: Visit, thorough_service: Served, fresh: Fresh
) -> None:
    page = thorough_visit.page
    thorough_visit.upload(fresh())
    thorough_visit.until(RUNNING)
    thorough_visit.kill_service()
    expect(page.locator("#notice")).to_contain_text("The connection to the service is lost. The analysis is not")
    thorough_service.start()
    page.wait_for_selector(".verdict")
    expect(page.locator("#notice")).to_be_hidden()
    assert thorough_service.ended(_id(page))["attempts"] == 2


def _id(page: Page) -> str:
    return page.url.rpartition("/")[2]


def _matching(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)
