// The video with the faces in it, drawn over it: where they are, and how each of them scores at that moment.

import { notice } from "./calls.js";
import { fileOf, sha256 } from "./files.js";
import { percent } from "./words.js";

const SAME_MOMENT_S = 0.02; // a browser's clock of a video is not as fine as its frames' times
const LARGEST_TO_HASH = 512 * 1024 * 1024;

export class Player {
  #time = 0;
  #listeners = [];
  #drawn = "";
  #maps = [];

  constructor(main, report, signal) {
    this.report = report;
    this.media = main.querySelector("#player");
    this.stage = main.querySelector("#stage");
    this.note = main.querySelector("#stage-note");
    this.canvas = main.querySelector("#boxes");
    this.tracks = tracksOf(report);
    this.signal = signal;
    this.isVideo = this.media.tagName === "VIDEO";
    const own = fileOf(main.dataset.job) ?? fileOf(main.dataset.source);
    if (own) this.#play(own);
    else if (this.media.dataset.src) this.media.src = this.media.dataset.src;
    if (this.isVideo) this.#follow();
    new ResizeObserver(() => this.#draw(true)).observe(this.canvas);
    main.querySelector("#again").addEventListener("change", (event) => this.#chosen(main, event.target.files[0]));
    signal.addEventListener("abort", () => {
      if (this.isVideo) this.media.pause();
      if (this.address) URL.revokeObjectURL(this.address);
    });
  }

  /** Call with the time, now and whenever it changes. */
  listen(listener) {
    this.#listeners.push(listener);
    listener(this.#time);
  }

  /** Lay maps over the moments they are of, so much of them (0 to 1). */
  lay(maps, strength) {
    this.#maps = maps;
    this.strength = strength;
    this.#draw(true);
  }

  /** The sampled face that is nearest to now, of several at one time what is not done, then the most suspicious; or null. */
  nearest(isDone) {
    const reach = this.report.coverage.sampling_step_s || Infinity;
    const away = (sample) => Math.abs(sample.pts_s - this.#time);
    const order = (a, b) => away(a) - away(b) || isDone(a) - isDone(b) || b.fake_probability - a.fake_probability;
    let best = null;
    for (const { number, samples } of this.tracks) {
      const before = lastBefore(samples, this.#time);
      for (const sample of samples.slice(Math.max(0, before), before + 2)) {
        if (away(sample) <= reach && (best === null || order(sample, best.sample) < 0)) best = { number, sample };
      }
    }
    return best;
  }

  /** Go to a moment and stay there. */
  stop(time) {
    if (this.isVideo) this.media.pause();
    this.seek(time);
  }

  /** Whether the video stands at a moment. */
  stands(time) {
    return !this.isVideo || (this.media.paused && Math.abs(time - this.#time) < SAME_MOMENT_S);
  }

  /** Go to a moment, also where there is no video to be shown. */
  seek(time) {
    this.#at(time);
    if (this.isVideo && this.media.readyState) this.media.currentTime = time;
    else this.wanted = time;
  }

  #play(file) {
    this.address = URL.createObjectURL(file);
    this.stage.dataset.kind = this.isVideo ? "video" : "image";
    this.note.hidden = true;
    this.media.src = this.address;
  }

  async #chosen(main, file) {
    if (!file) return;
    const known = file.size <= LARGEST_TO_HASH ? await sha256(file) : null;
    const same = file.size === Number(main.dataset.size) && (known === null || known === main.dataset.sha256);
    if (!same) return notice("This is not the file that was analysed. Choose the very same one.");
    this.#play(file);
  }

  #follow() {
    const { media, signal } = this;
    media.addEventListener("loadedmetadata", () => {
      if (this.wanted !== undefined) media.currentTime = this.wanted;
    }, { signal });
    media.addEventListener("error", () => {
      if (!media.getAttribute("src") || signal.aborted) return;
      this.stage.dataset.kind = "";
      this.note.hidden = false;
      this.note.textContent = "This browser cannot play the video's format. Scores, faces and heat maps are there all the same.";
    }, { signal });
    for (const name of ["seeking", "seeked", "timeupdate"]) {
      media.addEventListener(name, () => this.#at(media.currentTime), { signal });
    }
    const everyFrame = () => {
      if (signal.aborted) return;
      if (!media.paused) this.#at(media.currentTime);
      if (!media.paused && !media.ended) requestAnimationFrame(everyFrame);
    };
    media.addEventListener("play", everyFrame, { signal });
  }

  #at(time) {
    this.#time = time;
    for (const listener of this.#listeners) listener(time);
    this.#draw();
  }

  #draw(anew = false) {
    const { canvas } = this;
    const { width_px: width, height_px: height } = this.report.video;
    const shown = canvas.getBoundingClientRect();
    if (!shown.width) return;
    const faces = this.tracks.map((track) => ({ track, face: track.at(this.#time) })).filter((one) => one.face);
    const maps = this.#maps.filter((map) => !this.isVideo || Math.abs(map.time - this.#time) < SAME_MOMENT_S);
    const key = JSON.stringify([shown.width, shown.height, faces.map((one) => one.face), maps.map((map) => map.time)]);
    if (key === this.#drawn && !anew) return;
    this.#drawn = key;
    const ratio = devicePixelRatio;
    canvas.width = Math.round(shown.width * ratio);
    canvas.height = Math.round(shown.height * ratio);
    const pen = canvas.getContext("2d");
    const scale = Math.min(shown.width / width, shown.height / height); // as `object-fit: contain` has it
    pen.scale(ratio, ratio);
    pen.translate((shown.width - width * scale) / 2, (shown.height - height * scale) / 2);
    pen.scale(scale, scale);
    const unit = 1 / scale; // a pixel of the screen in pixels of the video
    pen.globalAlpha = this.strength ?? 1;
    for (const map of maps) pen.drawImage(map.picture, 0, 0, width, height);
    pen.globalAlpha = 1;
    for (const { track, face } of faces) drawFace(pen, track, face, unit, this.report.threshold);
    canvas.dataset.maps = String(maps.length);
    canvas.dataset.faces = String(faces.length);
  }
}

function drawFace(pen, track, face, unit, threshold) {
  const [x1, y1, x2, y2] = face.box;
  const colour = onPicture(face.probability, threshold);
  pen.lineJoin = "round";
  for (const [line, style] of [[5, "rgb(0 0 0 / 55%)"], [2.5, colour]]) {
    pen.lineWidth = line * unit;
    pen.strokeStyle = style;
    pen.strokeRect(x1, y1, x2 - x1, y2 - y1);
  }
  const text = `Face ${track.number} · ${percent(face.probability)}`;
  pen.font = `600 ${13 * unit}px Inter, system-ui, sans-serif`;
  const wide = pen.measureText(text).width + 14 * unit;
  const top = y1 >= 24 * unit ? y1 - 24 * unit : y1;
  pen.fillStyle = colour;
  pen.fillRect(x1 - 1.25 * unit, top, wide, 22 * unit);
  pen.fillStyle = "#111";
  pen.fillText(text, x1 + 6 * unit, top + 15.5 * unit);
}

/** Blue for real, orange for fake, paler the nearer to the threshold. */
export function onPicture(probability, threshold) {
  const fake = probability >= threshold;
  const away = fake ? (probability - threshold) / (1 - threshold) : (threshold - probability) / threshold;
  const rest = Math.round(68 - 38 * Math.min(1, 1.4 * away));
  return fake ? `hsl(26 100% ${Math.max(62, rest + 12)}%)` : `hsl(207 90% ${Math.max(66, rest + 16)}%)`;
}

/** The tracks of a report, each with what it shows at a time. */
export function tracksOf(report) {
  const samples = new Map();
  for (const score of report.face_scores) {
    if (!samples.has(score.track_id)) samples.set(score.track_id, []);
    samples.get(score.track_id).push(score);
  }
  const reach = 1.5 * report.coverage.sampling_step_s || Infinity;
  return report.tracks.map((track, index) => {
    const mine = samples.get(track.track_id) ?? [];
    return { number: index + 1, id: track.track_id, samples: mine, at: (time) => between(mine, time, reach) };
  });
}

/** Index of the last sample at or before a time; -1 before the first. */
export function lastBefore(samples, time) {
  let low = 0;
  let high = samples.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (samples[middle].pts_s <= time) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** A face between two samples: its box in between, and the score of the nearer one; null where it is not followed. */
function between(samples, time, reach) {
  const index = lastBefore(samples, time);
  const before = samples[index];
  const after = samples[index + 1];
  if (before && after && after.pts_s - before.pts_s <= 2 * reach) {
    const share = (time - before.pts_s) / (after.pts_s - before.pts_s);
    const box = before.box_px.map((edge, side) => edge + share * (after.box_px[side] - edge));
    return { box, probability: (share < 0.5 ? before : after).fake_probability };
  }
  const nearest = before && time - before.pts_s <= reach ? before : after && after.pts_s - time <= reach / 2 ? after : null;
  return nearest && { box: nearest.box_px, probability: nearest.fake_probability };
}
