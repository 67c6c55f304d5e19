"""A service that asks for a credential: signing in and out, and everything else by the cookie alone."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect
from tests.api_client import TOKEN
from tests.browser.conftest import SAMPLES
from tests.browser.served import Served, Visit, served


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("guarded"), REQUIRE_AUTH="true", JWT_SECRET=TOKEN) as running:
        yield running


def test_with_the_key_everything_works_and_without_it_nothing_is_shown(browser: Browser, guarded: Served) -> None:
    with Visit(browser, guarded) as visit:
        page = visit.page
        visit.expected.append("401")
        page.goto("/analyses?state=done")
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        page.get_by_label("API key").fill("guessed")
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("alert")).to_contain_text("This key is not valid")
        page.get_by_label("API key").fill(TOKEN)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("heading", name="History")).to_be_visible()
        assert page.url.endswith("/analyses?state=done")
        [cookie] = visit.context.cookies()
        assert (cookie.get("name"), cookie.get("httpOnly"), cookie.get("sameSite")) == ("dfd-session", True, "Strict")
        assert TOKEN not in str(cookie)
        assert page.evaluate("document.cookie") == ""
        visit.upload_and_wait(SAMPLES / "fake_swap.mp4")
        visit.until("document.querySelector('#player').readyState >= 2")
        page.locator(".face").scroll_into_view_if_needed()
        visit.until("document.querySelector('.face img').naturalWidth === 160")
        page.get_by_label("It is fake").check()
        page.get_by_role("button", name="Save").click()
        expect(page.locator("#feedback-said")).to_contain_text("Saved.")
        visit.kill_service()
        guarded.start()
        page.reload()
        page.wait_for_selector(".verdict")
        address = page.url
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        page.goto(address)
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_a_page_of_another_site_can_do_nothing_with_the_cookie(browser: Browser, guarded: Served) -> None:
    with Visit(browser, guarded) as visit:
        page = visit.page
        visit.expected += ["401", "403", "CORS", "ERR_FAILED"]
        page.goto("/sign-in")
        page.get_by_label("API key").fill(TOKEN)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_selector("#drop")
        job_id = guarded_job(guarded)
        elsewhere = guarded.url.replace("127.0.0.1", "localhost")  # another site to browsers
        visit.context.route(f"{elsewhere}/", lambda route: route.fulfill(body="<p>", content_type="text/html"))
        page.goto(f"{elsewhere}/")
        forget = f"{guarded.url}/v1/jobs/{job_id}/forget"
        with page.expect_response(forget) as answered:
            page.evaluate(
                """(action) => {
                  const form = Object.assign(document.createElement("form"), { method: "POST", action });
                  document.body.append(form);
                  form.submit();
                }""",
                forget,
            )
        page.wait_for_url(forget)
        visit.allow(elsewhere)
        assert answered.value.status == 401
    with guarded.client() as client:
        known = client.get(f"/v1/jobs/{job_id}", headers={"Authorization": f"Bearer {TOKEN}"})
        assert known.status_code == 200


def guarded_job(guarded: Served) -> str:
    with guarded.client() as client, (SAMPLES / "fake_swap.mp4").open("rb") as file:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        answer = client.post("/v1/jobs", files={"file": ("media", file)}, headers=headers)
        job_id: str = answer.json()["jobs"][0]["id"]
        return job_id
