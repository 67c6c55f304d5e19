"""Pictures of the page for the README, made of the real one: ``python -m tests.browser.screenshots [FOLDER]``.

Only the clips in ``samples/`` are shown. The animation is made of the frames of one visit.
"""

import io
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright
from tests.browser.conftest import ARGUMENTS, CHROMIUM, SAMPLES
from tests.browser.served import ROOT, Served, Visit, served

FOLDER: Final = ROOT / "docs" / "assets"
SIZE: Final = {"width": 1100, "height": 820}
PHONE: Final = {"width": 390, "height": 780}
_COLOURS: Final = 256
_FRAME_MS: Final = 450


def take(folder: Path) -> None:
    """Make them all, in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place, served(Path(place)) as service, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        job_ids = [service.submit(path) for path in sorted(SAMPLES.glob("*.mp4"))]
        for job_id in job_ids:
            service.ended(job_id)
        for scheme in ("light", "dark"):
            with Visit(browser, service, viewport=SIZE, color_scheme=scheme) as visit:
                _show_result(visit, job_ids[0])
                _save(visit.page, folder / f"result-{scheme}.png")
        with Visit(browser, service, viewport=SIZE) as visit:
            _show_heat_map(visit)
            _save(visit.page, folder / "heat-map.png")
            visit.page.goto("/analyses")
            _save(visit.page, folder / "history.png")
        with Visit(browser, service, viewport=PHONE, is_mobile=True, has_touch=True) as visit:
            _show_result(visit, job_ids[0])
            _save(visit.page, folder / "phone.png")
        _animate(browser, service, folder / "demo.gif")
        browser.close()


def _show_result(visit: Visit, job_id: str) -> None:
    visit.page.goto(f"/analyses/{job_id}")
    visit.until("document.querySelector('#player').readyState >= 2")
    visit.page.evaluate("document.querySelector('#player').currentTime = 2")
    visit.page.wait_for_timeout(600)


def _show_heat_map(visit: Visit) -> None:
    visit.page.goto("/")
    visit.upload_and_wait(SAMPLES / "fake_swap.mp4")
    button = visit.page.get_by_role("button", name="Show the heat map").first
    button.scroll_into_view_if_needed()
    button.click()
    visit.page.locator(".map canvas").wait_for()
    visit.page.wait_for_timeout(600)
    visit.page.evaluate("document.querySelector('.map').scrollIntoView({ block: 'end' })")
    visit.page.wait_for_timeout(300)


def _animate(browser: Browser, service: Served, path: Path) -> None:
    """A visit from the first page to the moments of a face."""
    frames: list[Image.Image] = []

    def shoot(page: Page, count: int = 1) -> None:
        frames.extend([_picture(page).resize((880, 656), Image.Resampling.LANCZOS)] * count)

    with Visit(browser, service, viewport=SIZE) as visit:
        page = visit.page
        page.goto("/")
        shoot(page, 3)
        visit.upload_and_wait(SAMPLES / "real_hopper.mp4")
        visit.until("document.querySelector('#player').readyState >= 2")
        for step in range(10):
            page.evaluate(f"document.querySelector('#player').currentTime = {step / 2}")
            page.wait_for_timeout(250)
            shoot(page)
        page.locator(".face").first.scroll_into_view_if_needed()
        page.wait_for_timeout(500)
        shoot(page, 5)
    first, *rest = [frame.quantize(_COLOURS, dither=Image.Dither.NONE) for frame in frames]
    first.save(path, save_all=True, append_images=rest, duration=_FRAME_MS, loop=0, optimize=True)


def _picture(page: Page) -> Image.Image:
    options: dict[str, Any] = {"animations": "disabled", "caret": "hide"}
    return Image.open(io.BytesIO(page.screenshot(**options))).convert("RGB")


def _save(page: Page, path: Path) -> None:
    _picture(page).quantize(_COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)


if __name__ == "__main__":
    take(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
