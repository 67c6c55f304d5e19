// Heat maps over the video itself: of the moment that it stands at, on request.

import { ask, complain, isHeld, hold } from "./calls.js";
import { clock } from "./words.js";

const LONGEST_PX = 1024;
const MOST_KEPT = 12;

export function overlay(main, player, jobId, signal) {
  const tools = main.querySelector("#map-tools");
  if (!tools) return;
  const button = tools.querySelector("button");
  const strength = tools.querySelector("input");
  const said = tools.querySelector("[role=status]");
  const maps = [];
  let busy = false;

  const show = () => player.lay(maps, strength.value / 100);
  const isDrawn = (sample) => maps.some((map) => map.track === sample.track_id && map.time === sample.pts_s);
  const look = () => {
    const near = player.nearest(isDrawn);
    hold(button, busy || !near || (isDrawn(near.sample) && player.stands(near.sample.pts_s)));
  };
  const told = ({ number, sample }) => {
    const next = player.nearest(isDrawn);
    const more = next?.sample.pts_s === sample.pts_s && !isDrawn(next.sample);
    return `Heat map of face ${number} at ${clock(sample.pts_s)}.${more ? ` Once more for face ${next.number}.` : ""}`;
  };

  button.addEventListener("click", async () => {
    if (isHeld(button)) return;
    const near = player.nearest(isDrawn);
    const { track_id: track, pts_s: time } = near.sample;
    player.stop(time);
    busy = true;
    look();
    try {
      if (!isDrawn(near.sample)) {
        said.textContent = "Being drawn …";
        const address = `/v1/jobs/${jobId}/heatmaps?track=${track}&t=${time}&form=frame&side=${LONGEST_PX}`;
        const picture = await createImageBitmap(await (await ask(address, { signal })).blob());
        maps.push({ track, time, picture });
        if (maps.length > MOST_KEPT) maps.shift().picture.close();
      }
      said.textContent = told(near);
      strength.disabled = false;
      show();
    } catch (error) {
      said.textContent = "";
      complain(error);
    } finally {
      busy = false;
      look();
    }
  }, { signal });
  strength.addEventListener("input", show, { signal });
  player.listen(look);
}
