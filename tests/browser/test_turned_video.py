"""A telephone's video, stored on its side: boxes and maps lie where the face is seen."""

from pathlib import Path

import cv2
import numpy as np
from playwright.sync_api import expect
from samples.make_samples import hopper
from tests.browser.served import Served, Visit
from tests.synthetic_video import write_video

WIDTH_PX, HEIGHT_PX = 480, 640
RATE_HZ = 10

DRAWN_AT = """places => {
  const canvas = document.querySelector("#boxes");
  const scale = Math.min(canvas.width / 480, canvas.height / 640);
  const left = (canvas.width - 480 * scale) / 2, top = (canvas.height - 640 * scale) / 2;
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const at = ([x, y]) => 4 * (Math.round(top + y * scale) * canvas.width + Math.round(left + x * scale));
  return places.map((place) => data[at(place) + 3] > 0);
}"""


def test_a_video_on_its_side_has_its_map_where_the_face_is_seen(visit: Visit, service: Served, tmp_path: Path) -> None:
    upright = np.full((HEIGHT_PX, WIDTH_PX, 3), 90, np.uint8)
    upright[:320, :320] = cv2.resize(hopper()[:512, :512], (320, 320))  # above on the left, so that no turn looks alike
    stored = np.ascontiguousarray(np.rot90(upright))
    path = write_video(
        tmp_path / "turned.mp4",
        frames=3 * RATE_HZ,
        fps=RATE_HZ,
        size=(HEIGHT_PX, WIDTH_PX),
        options={"crf": "18", "preset": "ultrafast"},
        pixel_format="yuv420p",
        rotation_deg=90,
        paint=lambda _number, _size: stored,
    )
    page = visit.page
    report = service.ended(visit.upload_and_wait(path))["result"]
    assert (report["video"]["width_px"], report["video"]["height_px"]) == (WIDTH_PX, HEIGHT_PX)
    x1, y1, x2, y2 = report["face_scores"][0]["box_px"]
    assert x2 < 0.67 * WIDTH_PX
    assert y2 < HEIGHT_PX / 2
    visit.until("document.querySelector('#player').readyState >= 2")
    seen = page.evaluate("(it => [it.videoWidth, it.videoHeight])(document.querySelector('#player'))")
    assert seen == [WIDTH_PX, HEIGHT_PX]
    tools = page.get_by_role("group", name="Heat map over the video")
    tools.get_by_role("button", name="Heat map of this moment").click()
    visit.until("document.querySelector('#boxes').dataset.maps === '1'")
    expect(tools.get_by_role("slider", name="Strength")).to_be_enabled()
    x, y = (x1 + x2) / 2, (y1 + y2) / 2
    elsewhere = [(WIDTH_PX - x, HEIGHT_PX - y), (x, HEIGHT_PX - y)]
    assert page.evaluate(DRAWN_AT, [(x, y), *elsewhere]) == [True, False, False]
