"""More faces than are shown at once: those shown on request."""

import re
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Route, expect
from tests.browser.served import Visit

MORE = 3


def crowded(route: Route) -> None:
    """The page of an analysis as if its face were one of thirteen and more, the last three not shown yet."""
    answer = route.fetch()
    page = answer.text()
    face = re.search(r'<li class="card face".*?</li>', page, re.DOTALL)
    assert face is not None

    def copy(number: int) -> str:
        hidden = " hidden" if number > 12 else ""
        thumb = face[0].replace(".jpg?side=160", f".jpg?side=160&amp;n={number}")  # else a browser loads it once
        return thumb.replace('class="card face"', f'class="card face" data-number="{number}"{hidden}', 1)

    faces = "".join(copy(number) for number in range(1, 13 + MORE))
    button = f'<button class="button quiet" id="all-faces">Show {MORE} more</button>'
    route.fulfill(
        response=answer, body=page.replace(face[0], faces, 1).replace('<h2 id="where">', button + '<h2 id="where">')
    )


def test_the_faces_shown_on_request_keep_their_thumbnails(visit: Visit, fresh: Callable[..., Path]) -> None:
    page = visit.page
    job_id = visit.upload_and_wait(fresh())
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.route(f"**/analyses/{job_id}", crowded)
    page.goto(f"/analyses/{job_id}")
    more = page.get_by_role("button", name=f"Show {MORE} more")
    more.focus()
    page.keyboard.press("Enter")
    expect(more).to_have_count(0)
    expect(page.locator('.face[data-number="13"] .thumb')).to_be_focused()
    for face in page.locator(".face").all():
        face.scroll_into_view_if_needed()
    images = "[...document.querySelectorAll('#face-list img')]"
    visit.until(f"{images}.every((image) => image.complete && image.naturalWidth > 0)")
    assert page.evaluate(f"{images}.length") == 12 + MORE
    assert page.locator("#face-list img[data-thumb]").count() == 0
    loaded = [url for url in asked if "&n=" in url]
    assert len(loaded) == len(set(loaded)) == 12 + MORE
    assert not [url for url in asked if url.endswith("undefined")]
