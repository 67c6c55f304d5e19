"""The documentation of the interface: it is there without any other server, and a call can be tried out in it."""

from playwright.sync_api import expect
from tests.browser.served import Visit


def test_the_interface_can_be_tried_out_with_no_help_from_elsewhere(visit: Visit) -> None:
    page = visit.page  # a request to another server ends the visit as a complaint does
    page.goto("/docs")
    operation = page.locator("[id^='operations-'][id$='-livez']")
    expect(operation).to_be_visible()
    operation.click()
    operation.get_by_role("button", name="Try it out").click()
    operation.get_by_role("button", name="Execute").click()
    expect(operation.locator(".live-responses-table tbody .response-col_status")).to_contain_text("200")
