"""What the interface refuses is said in a sentence with what to do next, and the page stays usable."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Route, expect
from tests.browser.conftest import SAMPLES
from tests.browser.served import Served, Visit

Fresh = Callable[..., Path]


def test_a_file_that_is_no_video_is_told_of_in_words(visit: Visit, tmp_path: Path) -> None:
    page = visit.page
    path = tmp_path / "notes.mp4"
    path.write_text("no video at all")
    visit.upload(path)
    expect(page.get_by_role("heading", name="The analysis failed")).to_be_visible()
    expect(page.locator(".failure")).to_contain_text("This file is not a video that can be read.")
    expect(page.locator(".failure")).to_contain_text("What to do: Check that it plays on your computer")
    page.get_by_role("link", name="New analysis").click()
    expect(page.get_by_label("Choose videos")).to_be_attached()


def test_an_empty_file_is_not_even_sent(visit: Visit, tmp_path: Path) -> None:
    path = tmp_path / "empty.mp4"
    path.touch()
    visit.upload(path)
    expect(visit.page.locator(".upload .said")).to_contain_text("The file is empty.")


def test_a_file_that_is_too_large_is_not_even_sent(thorough_visit: Visit, tmp_path: Path) -> None:
    sent: list[str] = []
    thorough_visit.page.on("request", lambda request: sent.append(request.method))
    path = tmp_path / "long.mp4"
    path.write_bytes(bytes(1_200_000))
    thorough_visit.upload(path)
    said = thorough_visit.page.locator(".upload .said")
    expect(said).to_contain_text("The file is larger than this service takes.")
    expect(said).to_contain_text("It has 1.2 MB; at most 1.0 MB are taken.")
    assert "POST" not in sent


def test_what_the_service_itself_finds_too_large_is_told_of_too(thorough_visit: Visit, tmp_path: Path) -> None:
    page = thorough_visit.page
    thorough_visit.expected += ["413", "ERR_CONNECTION"]
    path = tmp_path / "long.mp4"
    path.write_bytes(bytes(1_200_000))
    page.goto("/")
    page.evaluate("document.querySelector('#main').dataset.maxBytes = 1e9")
    page.set_input_files("#files", path)
    said = page.locator(".upload .said")
    expect(said).to_contain_text("Cut out the part that matters")


def test_an_upload_that_finds_nobody_is_sent_again(
    thorough_visit: Visit, thorough_service: Served, fresh: Fresh
) -> None:
    page = thorough_visit.page
    page.goto("/", wait_until="networkidle")  # what is still being loaded would be broken off
    thorough_visit.kill_service()
    page.set_input_files("#files", fresh())
    expect(page.locator(".upload .said")).to_contain_text("The service does not answer.")
    thorough_service.start()
    page.get_by_role("button", name="Try again").click()
    page.wait_for_selector("#progress, .verdict")
    page.get_by_role("button", name="Cancel the analysis").click()
    expect(page.get_by_role("heading", name="The analysis was cancelled")).to_be_visible()


def test_of_several_files_each_has_its_own_end(visit: Visit, tmp_path: Path) -> None:
    page = visit.page
    path = tmp_path / "notes.mp4"
    path.write_text("no video at all")
    visit.upload(SAMPLES / "fake_swap.mp4", path, SAMPLES / "real_hopper.mp4")
    rows = page.locator(".upload")
    expect(rows).to_have_count(3)
    expect(rows.filter(has_text="notes.mp4")).to_contain_text("This file is not a video that can be read.")
    for name in ("fake_swap.mp4", "real_hopper.mp4"):
        expect(rows.filter(has_text=name)).to_contain_text("Inconclusive")
    rows.filter(has_text="real_hopper.mp4").get_by_role("link", name="Open").click()
    expect(page.locator("h1")).to_have_text("real_hopper.mp4")
    visit.until("document.querySelector('#player').readyState >= 2")
    assert page.evaluate("document.querySelector('#player').src").startswith("blob:")
    page.go_back()
    expect(page.locator(".upload")).to_have_count(3)


@pytest.mark.parametrize(
    "name",
    [
        "<img src=x onerror=alert(1)><script>alert(2)</script>.mp4",
        "\N{FACE WITH TEARS OF JOY}\N{RIGHT-TO-LEFT OVERRIDE}4pm.exe \"'&%2F..mp4",
        "n" * 996 + ".mp4",
    ],
    ids=["markup", "emoji", "long"],
)
def test_any_name_of_a_file_is_shown_as_it_is(visit: Visit, fresh: Fresh, name: str) -> None:
    page = visit.page
    page.goto("/")
    content = fresh().read_bytes()
    page.set_input_files("#files", {"name": name, "mimeType": "video/mp4", "buffer": content})
    page.wait_for_selector(".verdict")
    shown = page.locator("h1").text_content() or ""
    assert shown == name if len(name) <= 256 else (shown[:215], shown[-5:]) == (name[:215], "n.mp4")
    assert page.locator("h1 *").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.goto("/analyses")
    expect(page.locator("tbody a").first).to_have_text(shown)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_an_analysis_that_never_was_has_a_page_that_says_so(visit: Visit) -> None:
    visit.expected.append("404")
    answer = visit.page.goto("/analyses/" + "0" * 32)
    assert answer
    assert answer.status == 404
    expect(visit.page.locator("main")).to_contain_text("There is no such analysis.")
    expect(visit.page.locator("main")).to_contain_text("Go back to the history")


def test_a_heat_map_that_cannot_be_had_is_told_of_in_words(visit: Visit, service: Served) -> None:
    page = visit.page
    visit.expected.append("409")
    job_id = service.submit(SAMPLES / "fake_swap.mp4")
    service.ended(job_id)
    body = '{"code": "explanation_unavailable", "request_id": "r"}'
    page.route(
        "**/heatmaps**", lambda route: route.fulfill(status=409, content_type="application/problem+json", body=body)
    )
    late: list[Route] = []

    def hold(route: Route) -> None:
        late.append(route)

    page.route("**/report.json", hold)  # who clicks before the report is there is heard too
    page.goto(f"/analyses/{job_id}")
    page.get_by_role("button", name="Show the heat map").first.click()
    expect(page.locator("#notice")).to_contain_text("There is no heat map for this answer")
    late[0].continue_()
    expect(page.get_by_role("button", name="Try again")).to_be_enabled()
