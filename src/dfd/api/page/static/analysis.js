// One analysis: its progress while it runs, and its result.

import { askJson, complain } from "./calls.js";
import { faces } from "./faces.js";
import { overlay } from "./overlay.js";
import { Player } from "./player.js";
import { progress } from "./progress.js";
import { review } from "./review.js";
import { Timeline } from "./timeline.js";

export function analysis(main, page) {
  review(main, page);
  if (main.querySelector("#progress")) return void progress(main, page);
  if (main.querySelector("#stage")) result(main, page);
}

/** What needs the whole report comes alive once that is there; buttons that need none of it react from the first click. */
function result(main, { signal }) {
  const shown = show(main, signal);
  shown.catch(complain);
  faces(main, { signal, seek: (time) => shown.then((player) => player.seek(time), () => {}) });
}

async function show(main, signal) {
  const report = await askJson(`/v1/jobs/${main.dataset.job}/report.json`, { signal });
  const player = new Player(main, report, signal);
  const place = main.querySelector("#timeline");
  const timeline = place && new Timeline(place, report, signal, (time) => player.seek(time));
  player.listen((time) => timeline?.at(time));
  overlay(main, player, main.dataset.source, signal);
  return player;
}
