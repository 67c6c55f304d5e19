"""What the page costs: bytes of the first load, and drawing of long videos, by counts and not by a clock."""

import json
from typing import Any

from playwright.sync_api import Route
from tests.browser.conftest import SAMPLES
from tests.browser.served import Served, Visit

MOST_BYTES = 200_000
SAMPLES_A_SECOND = 30
DURATION_S = 600.0
FACES = 4
SETTLE_MS = 300
"""Until the browser has told of what it has loaded."""


def test_the_first_load_is_light_and_the_next_lighter(visit: Visit, service: Served) -> None:
    job_id = service.submit(SAMPLES / "fake_swap.mp4")
    service.ended(job_id)
    network = visit.context.new_cdp_session(visit.page)
    network.send("Network.enable")
    got: list[float] = []
    network.on("Network.loadingFinished", lambda event: got.append(event["encodedDataLength"]))
    visit.page.goto("/", wait_until="networkidle")
    visit.page.wait_for_timeout(SETTLE_MS)
    first = sum(got)
    assert 5_000 < first < MOST_BYTES / 4
    got.clear()
    visit.page.goto("/", wait_until="networkidle")  # scripts and styles are kept
    visit.page.wait_for_timeout(SETTLE_MS)
    assert 0 < sum(got) < first / 2
    assert visit.page.evaluate("performance.getEntriesByType('resource').length") > 0


def long_report(report: dict[str, Any]) -> dict[str, Any]:
    """A report of ten minutes with every frame and several faces, made of a real one."""
    score = report["face_scores"][0]
    count = int(DURATION_S * SAMPLES_A_SECOND)
    scores = [
        {
            **score,
            "track_id": track,
            "pts_s": index / SAMPLES_A_SECOND,
            "fake_probability": ((index * 7919 + track * 31) % 1000) / 1000,
        }
        for index in range(count)
        for track in range(FACES)
    ]
    tracks = [
        {**report["tracks"][0], "track_id": track, "end_s": DURATION_S, "face_count": count} for track in range(FACES)
    ]
    return {
        **report,
        "tracks": tracks,
        "face_scores": scores,
        "coverage": {**report["coverage"], "sampling_step_s": 1 / SAMPLES_A_SECOND},
        "video": {**report["video"], "duration_s": DURATION_S},
    }


FRAMES = 40

SCROLLED = f"""async () => {{
  const scroll = document.querySelector("#tl-scroll");
  const canvas = document.querySelector("#tl-canvas");
  const before = Number(canvas.dataset.draws);
  let most = 0;
  for (let frame = 0; frame < {FRAMES}; frame += 1) {{
    scroll.scrollLeft += 37;
    scroll.dispatchEvent(new Event("scroll"));
    scroll.dispatchEvent(new Event("scroll"));
    await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    most = Math.max(most, Number(canvas.dataset.points));
  }}
  return {{ draws: Number(canvas.dataset.draws) - before, most, width: canvas.clientWidth }};
}}"""


def test_ten_minutes_of_every_frame_are_drawn_within_a_frames_budget(visit: Visit, service: Served) -> None:
    page = visit.page
    job_id = service.submit(SAMPLES / "fake_swap.mp4")
    body = json.dumps(long_report(service.ended(job_id)["result"]))

    def answer(route: Route) -> None:
        route.fulfill(content_type="application/json", body=body)

    page.route("**/report.json", answer)
    page.goto(f"/analyses/{job_id}")
    visit.until("document.querySelector('#tl-canvas').dataset.points > 0")
    for _ in range(3):
        page.get_by_role("button", name="Zoom in").click()
    found = page.evaluate(SCROLLED)
    # however many samples there are, a frame draws two of them for each column of pixels at most, and only once
    assert found["draws"] <= 2 * FRAMES
    assert found["width"] < found["most"] <= FACES * (2 * found["width"] + 8)
    # a head that moves draws nothing, once the first move has brought its place back into view
    page.evaluate(
        """async () => {
          const player = document.querySelector("#player");
          player.currentTime = 0;
          player.dispatchEvent(new Event("timeupdate"));
          for (let frame = 0; frame < 3; frame += 1) await new Promise(requestAnimationFrame);
        }"""
    )
    before = page.evaluate("document.querySelector('#tl-canvas').dataset.draws")
    page.evaluate(
        """async () => {
          const player = document.querySelector("#player");
          for (let step = 1; step <= 20; step += 1) {
            player.currentTime = step / 10;
            player.dispatchEvent(new Event("timeupdate"));
            await new Promise(requestAnimationFrame);
          }
        }"""
    )
    assert page.evaluate("document.querySelector('#tl-head').style.transform") != ""
    assert page.evaluate("document.querySelector('#tl-canvas').dataset.draws") == before
