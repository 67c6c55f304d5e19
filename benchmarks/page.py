"""How quickly the page is there, and how smoothly ten minutes of timeline scroll (``python -m benchmarks.page``).

A real ``dfd serve``, a real Chromium without a screen. Each load is that of a browser which has never been there. The
page is *ready* when its modules have run and so every control reacts: browsers run modules before the end of
``DOMContentLoaded``. Bytes are without those of the video, of which more or less has come when they are counted.
Scrolling moves the timeline of a made-up report, ten minutes of every frame with four faces, in each animation frame;
one that came no later than 1.5 of a screen's 60 a second is one that nobody misses.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any, Final

from benchmarks.spread import Spread, spread
from playwright.sync_api import Browser, sync_playwright
from tests.browser.conftest import ARGUMENTS, CHROMIUM, SAMPLES
from tests.browser.served import Served, Visit, served
from tests.browser.test_weight import long_report

GOAL_READY_MS: Final = 1000.0
GOAL_BYTES: Final = 200_000
LATE_MS: Final = 1.5 * 1000 / 60
FRAMES: Final = 240

LOADED: Final = """() => {
  const [page] = performance.getEntriesByType("navigation");
  const [painted] = performance.getEntriesByName("first-contentful-paint");
  const besides = performance.getEntriesByType("resource").filter((file) => file.initiatorType !== "video");
  const files = [page, ...besides];
  return {
    painted_ms: painted.startTime,
    ready_ms: page.domContentLoadedEventEnd,
    loaded_ms: page.loadEventEnd,
    bytes: files.reduce((sum, file) => sum + file.transferSize, 0),
  };
}"""

SCROLLED: Final = f"""async () => {{
  const scroll = document.querySelector("#tl-scroll");
  const took = [];
  let before = await new Promise(requestAnimationFrame);
  for (let frame = 0; frame < {FRAMES}; frame += 1) {{
    scroll.scrollLeft += frame < {FRAMES} / 2 ? 23 : -23;
    const now = await new Promise(requestAnimationFrame);
    took.push(now - before);
    before = now;
  }}
  return took;
}}"""


def loads(browser: Browser, service: Served, path: str, repeat: int) -> dict[str, Spread]:
    """Times and bytes of first loads of one address."""
    found: list[dict[str, float]] = []
    for _ in range(repeat):
        with Visit(browser, service) as visit:
            visit.page.goto(path, wait_until="load")
            visit.until("performance.getEntriesByName('first-contentful-paint').length > 0")
            found.append(visit.page.evaluate(LOADED))
    return {name: spread([one[name] for one in found]) for name in found[0]}


def scrolling(browser: Browser, service: Served, job_id: str) -> dict[str, float]:
    """Times between animation frames while ten minutes of timeline are scrolled, and of as many with nothing to do."""
    body = json.dumps(long_report(service.ended(job_id)["result"]))
    with Visit(browser, service) as visit:
        visit.page.route("**/report.json", lambda route: route.fulfill(content_type="application/json", body=body))
        visit.page.goto(f"/analyses/{job_id}")
        visit.until("document.querySelector('#tl-canvas').dataset.points > 0")
        for _ in range(3):
            visit.page.get_by_role("button", name="Zoom in").click()
        idle = visit.page.evaluate(SCROLLED.replace("scroll.scrollLeft +=", "void"))
        took = visit.page.evaluate(SCROLLED)
    return {
        "idle_median_ms": median(idle),
        "median_ms": median(took),
        "longest_ms": max(took),
        "late_share": sum(one > LATE_MS for one in took) / len(took),
    }


def measured(repeat: int) -> dict[str, Any]:
    """Every figure."""
    with tempfile.TemporaryDirectory() as folder, served(Path(folder)) as service, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        job_id = service.submit(SAMPLES / "fake_swap.mp4")
        service.ended(job_id)
        figures = {
            "first page": loads(browser, service, "/", repeat),
            "result": loads(browser, service, f"/analyses/{job_id}", repeat),
            "scrolling": scrolling(browser, service, job_id),
        }
        browser.close()
    return figures


def shown(figures: dict[str, Any]) -> str:
    """The figures for people."""
    lines = []
    for name in ("first page", "result"):
        told = {
            key: f"{one['median']:.0f} ({one['min']:.0f} to {one['max']:.0f})" for key, one in figures[name].items()
        }
        lines += [
            f"{name}: painted after {told['painted_ms']} ms",
            f"  ready after {told['ready_ms']} ms (goal {GOAL_READY_MS:.0f})",
            f"  {told['bytes']} bytes (goal {GOAL_BYTES})",
        ]
    rolled = figures["scrolling"]
    lines += [
        f"scrolling: a frame every {rolled['median_ms']:.1f} ms, {rolled['idle_median_ms']:.1f} with nothing to do",
        f"  {rolled['late_share']:.1%} of {FRAMES} late, the longest {rolled['longest_ms']:.0f} ms",
    ]
    return "\n".join(lines)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.page", description="Load and scroll the page.")
    parser.add_argument("--repeat", type=int, default=9, help="loads of each address (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    given = parser.parse_args()
    figures = measured(given.repeat)
    sys.stdout.write((json.dumps(figures, indent=1) if given.json else shown(figures)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
