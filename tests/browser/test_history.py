"""What was analysed before: finding it, comparing two, saying what one knows, and deleting."""

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import expect
from tests.browser.conftest import SAMPLES
from tests.browser.served import Served, Visit


def test_analyses_are_found_by_words_state_and_verdict_page_by_page(
    visit: Visit, service: Served, tmp_path: Path
) -> None:
    page = visit.page
    for number in range(27):
        service.ended(service.submit(SAMPLES / "fake_swap.mp4", name=f"Paging {number:02d}"))
    broken = tmp_path / "broken.mp4"
    broken.write_text("no video")
    service.ended(service.submit(broken, name="Paging broken"))
    page.goto("/analyses")
    page.get_by_label("Name, number or hash").fill("paging")
    page.keyboard.press("Enter")
    page.wait_for_url("**text=paging**")  # all analyses fill a page too
    rows = page.locator("tbody tr")
    expect(rows).to_have_count(25)
    expect(rows.first).to_contain_text("Paging broken")
    expect(rows.first).to_contain_text("Failed")
    page.get_by_role("link", name="Older").click()
    expect(rows).to_have_count(3)
    expect(rows.last).to_contain_text("Paging 00")
    assert page.get_by_role("link", name="Older").count() == 0
    page.get_by_role("link", name="Newest").click()
    expect(rows).to_have_count(25)
    page.get_by_label("State").select_option("Failed")
    page.get_by_role("button", name="Show").click()
    expect(rows).to_have_count(1)
    assert "state=failed" in page.url
    page.go_back()
    expect(rows).to_have_count(25)
    page.get_by_label("Verdict").select_option("Fake")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("main")).to_contain_text("No analysis is like that.")
    page.goto("/analyses?state=nonsense&verdict=nonsense&cursor=nonsense")
    expect(rows).to_have_count(25)


def test_two_analyses_are_compared(visit: Visit, service: Served) -> None:
    page = visit.page
    for name in ("real_astronaut.mp4", "fake_swap.mp4"):
        service.ended(service.submit(SAMPLES / name, name=f"Twin {name}"))
    page.goto("/analyses?text=twin")
    button = page.get_by_role("button", name="Compare two")
    boxes = page.get_by_role("checkbox")
    boxes.nth(0).check()
    expect(button).to_be_disabled()
    boxes.nth(1).check()
    button.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Side by side")
    expect(page.locator("thead th")).to_have_text(["Twin fake_swap.mp4", "Twin real_astronaut.mp4"])
    differing = page.locator("tr.differs th")
    expect(differing.filter(has_text="SHA-256 of the file")).to_be_visible()
    assert differing.filter(has_text="Model").count() == 0
    page.goto("/compare?with=1")
    expect(page.locator("main")).to_contain_text("Tick exactly two analyses")


def test_what_a_person_knows_is_kept_and_shown_again(visit: Visit, service: Served) -> None:
    page = visit.page
    job_id = service.submit(SAMPLES / "real_hopper.mp4")
    service.ended(job_id)
    page.goto(f"/analyses/{job_id}")
    page.get_by_label("It is real").check()
    page.get_by_label("How do you know?").fill("I filmed it <b>myself</b>")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#feedback-said")).to_contain_text("Saved. Said to be real on")
    page.reload()
    expect(page.locator("#feedback-said")).to_contain_text("I filmed it <b>myself</b>")
    expect(page.get_by_label("It is real")).to_be_checked()


def test_an_analysis_is_deleted_after_a_question(visit: Visit, service: Served, fresh: Callable[..., Path]) -> None:
    page = visit.page
    visit.expected.append("404")
    job_id = visit.upload_and_wait(fresh())
    page.get_by_role("button", name="Delete this analysis").click()
    page.get_by_role("button", name="Keep").click()
    with service.client() as client:
        assert client.get(f"/v1/jobs/{job_id}").status_code == 200
        page.get_by_role("button", name="Delete this analysis").click()
        page.get_by_role("button", name="Delete", exact=True).click()
        expect(page.locator("#notice")).to_have_text("The analysis is deleted.")
        expect(page.get_by_role("heading", level=1)).to_have_text("History")
        assert page.locator(f'a[href="/analyses/{job_id}"]').count() == 0
        assert client.get(f"/v1/jobs/{job_id}").status_code == 404


def test_escape_deletes_nothing_after_a_yes_that_failed(
    visit: Visit, service: Served, fresh: Callable[..., Path]
) -> None:
    page = visit.page
    visit.expected.append("ERR_FAILED")
    job_id = visit.upload_and_wait(fresh())
    page.route("**/forget", lambda route: route.abort())
    page.get_by_role("button", name="Delete this analysis").click()
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.locator("#notice")).to_contain_text("The service does not answer.")
    page.unroute("**/forget")
    page.get_by_role("button", name="Delete this analysis").click()
    # Firefox and Safari leave the answer as it is where Escape closes the dialog, so it must be gone by now.
    assert page.evaluate("document.querySelector('#sure').returnValue") == ""
    page.keyboard.press("Escape")
    expect(page.locator("#sure")).to_be_hidden()
    page.wait_for_timeout(300)
    with service.client() as client:
        assert client.get(f"/v1/jobs/{job_id}").status_code == 200


def test_whoever_runs_the_service_sees_its_model_queue_and_drift(visit: Visit, service: Served) -> None:
    service.ended(service.submit(SAMPLES / "real_hopper.mp4"))
    visit.page.goto("/admin")
    main = visit.page.locator("main")
    expect(main).to_contain_text("deepfake: version 2 answers")
    expect(main.locator(".histogram")).to_have_count(5)
    expect(main).to_contain_text("Too few videos to tell")
    expect(main.locator(".figures dd").first).to_have_text("0")
