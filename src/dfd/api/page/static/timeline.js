// Scores over time, a row for each face. One canvas as wide as what is seen of it, however long the video is and however
// far it is zoomed in: a frame draws at most two points a column of pixels, and a moving head draws nothing at all.

import { lastBefore, tracksOf } from "./player.js";
import { clock, percent } from "./words.js";

const ROW_PX = 64;
const LONE_ROW_PX = 112;
const AXIS_PX = 22;
const MOST_ROWS = 12;
const LONGEST_ZOOM_S = 4; // of the video across the whole width, at the closest

export class Timeline {
  #time = 0;
  #zoom = 1;
  #asked = false;

  constructor(place, report, signal, seek) {
    this.scroll = place.querySelector("#tl-scroll");
    this.space = place.querySelector("#tl-space");
    this.canvas = place.querySelector("#tl-canvas");
    this.head = place.querySelector("#tl-head");
    this.tracks = tracksOf(report).slice(0, MOST_ROWS);
    this.threshold = report.threshold;
    const last = report.face_scores.at(-1)?.pts_s ?? 0;
    this.duration = Math.max(report.video.duration_s || 0, last, 0.1);
    this.row = this.tracks.length === 1 ? LONE_ROW_PX : ROW_PX;
    for (const name of place.querySelectorAll("#tl-names li")) name.style.height = `${this.row}px`;
    this.gap = 2.5 * report.coverage.sampling_step_s || Infinity;
    this.times = [...new Set(this.tracks.flatMap((track) => track.samples.map((one) => one.pts_s)))].sort((a, b) => a - b);
    this.seek = seek;
    this.#colours();
    this.#hear(place, signal);
    new ResizeObserver(() => this.#resize()).observe(this.scroll);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
      this.#colours();
      this.#ask();
    }, { signal });
  }

  /** Show that the video is at this time. */
  at(time) {
    this.#time = time;
    const { scroll } = this;
    const x = this.#x(time);
    this.head.style.transform = `translateX(${x}px)`;
    const seen = x - scroll.scrollLeft;
    if (this.#zoom > 1 && (seen < 0 || seen > this.width)) scroll.scrollLeft = x - this.width * 0.1;
    scroll.setAttribute("aria-valuenow", time.toFixed(1));
    const faces = this.tracks.map((track) => ({ track, face: track.at(time) })).filter((one) => one.face);
    const said = faces.map(({ track, face }) => `face ${track.number} ${percent(face.probability)}`);
    scroll.setAttribute("aria-valuetext", [clock(time), ...said].join(", "));
  }

  #x(time) {
    return (time / this.duration) * this.width * this.#zoom;
  }

  #hear(place, signal) {
    const { scroll } = this;
    const go = (event) => {
      const x = event.clientX - scroll.getBoundingClientRect().left + scroll.scrollLeft;
      this.#seek((x / (this.width * this.#zoom)) * this.duration);
    };
    scroll.addEventListener("pointerdown", (event) => {
      if (event.button || event.offsetY > this.height) return;
      if (event.pointerType === "mouse") scroll.setPointerCapture(event.pointerId);
      go(event);
    }, { signal });
    scroll.addEventListener("pointermove", (event) => event.buttons & 1 && event.pointerType === "mouse" && go(event), { signal });
    scroll.addEventListener("scroll", () => this.#ask(), { signal, passive: true });
    scroll.addEventListener("wheel", (event) => {
      if (!event.ctrlKey) return;
      event.preventDefault();
      this.zoom(this.#zoom * (event.deltaY < 0 ? 1.25 : 0.8), event.clientX - scroll.getBoundingClientRect().left);
    }, { signal });
    scroll.addEventListener("keydown", (event) => this.#key(event), { signal });
    place.querySelector("#zoom-in").addEventListener("click", () => this.zoom(this.#zoom * 2), { signal });
    place.querySelector("#zoom-out").addEventListener("click", () => this.zoom(this.#zoom / 2), { signal });
  }

  #key(event) {
    const index = lastBefore(this.times.map((pts_s) => ({ pts_s })), this.#time + 1e-3);
    const steps = {
      ArrowRight: this.times[index + 1],
      ArrowUp: this.times[index + 1],
      ArrowLeft: this.times[index] < this.#time - 1e-3 ? this.times[index] : this.times[index - 1],
      ArrowDown: this.times[index] < this.#time - 1e-3 ? this.times[index] : this.times[index - 1],
      PageUp: this.#time + this.duration / 10,
      PageDown: this.#time - this.duration / 10,
      Home: 0,
      End: this.times.at(-1),
    };
    if (event.key === "+" || event.key === "-") return this.zoom(this.#zoom * (event.key === "+" ? 2 : 0.5));
    if (!(event.key in steps)) return;
    event.preventDefault();
    if (steps[event.key] !== undefined) this.#seek(steps[event.key]);
  }

  #seek(time) {
    this.seek(Math.min(this.duration, Math.max(0, time)));
  }

  /** Zoom so that a place on the screen, in pixels from the left, keeps its time; without one, the head. */
  zoom(wanted, around = this.#x(this.#time) - this.scroll.scrollLeft) {
    const most = Math.max(1, this.duration / LONGEST_ZOOM_S);
    const before = this.#zoom;
    this.#zoom = Math.min(most, Math.max(1, wanted));
    const held = Math.min(this.width, Math.max(0, around));
    const left = ((this.scroll.scrollLeft + held) / before) * this.#zoom - held;
    this.space.style.width = `${this.width * this.#zoom}px`;
    this.scroll.scrollLeft = left;
    this.at(this.#time);
    this.#ask();
  }

  #resize() {
    this.width = this.scroll.clientWidth;
    this.height = this.tracks.length * this.row + AXIS_PX;
    this.canvas.style.width = `${this.width}px`;
    this.canvas.style.height = `${this.height}px`;
    this.canvas.width = Math.round(this.width * devicePixelRatio);
    this.canvas.height = Math.round(this.height * devicePixelRatio);
    this.zoom(this.#zoom);
    this.#draw();
  }

  #colours() {
    const style = getComputedStyle(document.documentElement);
    this.colour = Object.fromEntries(
      ["ink", "soft", "rule", "fake", "real", "fake-soft", "card"].map((name) => [name, style.getPropertyValue(`--${name}`)]),
    );
  }

  #ask() {
    if (this.#asked) return;
    this.#asked = true;
    requestAnimationFrame(() => this.#draw());
  }

  #draw() {
    this.#asked = false;
    const pen = this.canvas.getContext("2d");
    pen.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
    pen.clearRect(0, 0, this.width, this.height);
    const left = this.scroll.scrollLeft;
    const perPx = this.duration / (this.width * this.#zoom);
    const view = { from: left * perPx, to: (left + this.width) * perPx, perPx };
    this.#axis(pen, view);
    let points = 0;
    this.tracks.forEach((track, row) => (points += this.#row(pen, track.samples, row * this.row, view)));
    this.canvas.dataset.points = String(points);
    this.canvas.dataset.draws = String(Number(this.canvas.dataset.draws ?? 0) + 1);
  }

  #axis(pen, view) {
    const wanted = 90 * view.perPx;
    const step = [0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800].find((one) => one >= wanted) ?? 3600;
    pen.fillStyle = this.colour.soft;
    pen.font = "11px Inter, system-ui, sans-serif";
    for (let time = Math.floor(view.from / step) * step; time <= view.to; time += step) {
      const x = (time - view.from) / view.perPx;
      pen.fillRect(Math.round(x), this.height - AXIS_PX, 1, 5);
      pen.fillText(clock(time).replace(/\.0$/, ""), x + 4, this.height - 6);
    }
  }

  #row(pen, samples, top, view) {
    const y = (probability) => top + 6 + (1 - probability) * (this.row - 12);
    const x = (time) => (time - view.from) / view.perPx;
    pen.fillStyle = this.colour.rule;
    pen.fillRect(0, top + this.row - 1, this.width, 1);
    const first = Math.max(0, lastBefore(samples, view.from) - 1);
    const last = Math.min(samples.length - 1, lastBefore(samples, view.to) + 1);
    const points = thinned(samples, first, last, view.perPx);
    this.#flags(pen, points, top, x);
    pen.strokeStyle = this.colour.soft;
    pen.setLineDash([4, 4]);
    pen.beginPath();
    pen.moveTo(0, y(this.threshold));
    pen.lineTo(this.width, y(this.threshold));
    pen.stroke();
    pen.setLineDash([]);
    if (this.row === LONE_ROW_PX) this.#levels(pen, top);
    if (points.length > this.width) this.#band(pen, points, x, y, view);
    else this.#line(pen, points, x, y, view);
    if (points.length <= this.width / 5) {
      for (const point of points) this.#dot(pen, x(point.pts_s), y(point.fake_probability), point.fake_probability);
    }
    return points.length;
  }

  /** Whether a sample belongs to the one before it: nothing is missing in between. */
  #joined(points, index, view) {
    return index > 0 && points[index].pts_s - points[index - 1].pts_s <= this.gap + 2 * view.perPx;
  }

  #line(pen, points, x, y, view) {
    pen.beginPath();
    points.forEach((point, index) => {
      if (this.#joined(points, index, view)) pen.lineTo(x(point.pts_s), y(point.fake_probability));
      else pen.moveTo(x(point.pts_s), y(point.fake_probability));
    });
    pen.strokeStyle = this.colour.soft;
    pen.lineWidth = 1.25;
    pen.stroke();
  }

  /** The line where samples lie closer than pixels, as a bar in each column: drawn as a line it takes several frames. */
  #band(pen, points, x, y, view) {
    pen.fillStyle = this.colour.soft;
    let column;
    let top;
    let bottom;
    let level;
    const put = () => pen.fillRect(column, top, 1, Math.max(1, bottom - top));
    points.forEach((point, index) => {
      const here = Math.floor(x(point.pts_s));
      const before = this.#joined(points, index, view) ? level : undefined;
      level = Math.round(y(point.fake_probability));
      if (here !== column) {
        if (column !== undefined) put();
        column = here;
        top = bottom = before ?? level;
      }
      top = Math.min(top, level);
      bottom = Math.max(bottom, level);
    });
    if (column !== undefined) put();
  }

  /** What the edges of a row stand for, where there is room to say so. */
  #levels(pen, top) {
    pen.fillStyle = this.colour.soft;
    pen.font = "11px Inter, system-ui, sans-serif";
    pen.textAlign = "right";
    pen.fillText("100 %", this.width - 2, top + 12);
    pen.fillText("0 %", this.width - 2, top + this.row - 7);
    pen.textAlign = "left";
  }

  #dot(pen, x, y, probability) {
    pen.beginPath();
    pen.arc(x, y, 3.5, 0, 7);
    pen.fillStyle = probability >= this.threshold ? this.colour.fake : this.colour.real;
    pen.fill();
  }

  /** Stretches whose every sample reaches the threshold. */
  #flags(pen, points, top, x) {
    pen.fillStyle = this.colour["fake-soft"];
    let from;
    points.forEach((point, index) => {
      const over = point.fake_probability >= this.threshold;
      if (over) from ??= point.pts_s;
      const next = points[index + 1];
      const ends = !next || next.fake_probability < this.threshold;
      if (over && ends) {
        pen.fillRect(x(from) - 4, top + 2, x(point.pts_s) - x(from) + 8, this.row - 5);
        from = undefined;
      }
    });
  }
}

/** At most two samples for each column of pixels: its lowest and its highest, in their order. */
function thinned(samples, first, last, perPx) {
  const points = [];
  let low;
  let high;
  let column;
  const put = () => {
    if (!low) return;
    const pair = low === high ? [low] : low.pts_s < high.pts_s ? [low, high] : [high, low];
    points.push(...pair);
  };
  for (let index = first; index <= last; index += 1) {
    const sample = samples[index];
    const here = Math.floor(sample.pts_s / perPx);
    if (here !== column) {
      put();
      column = here;
      low = high = sample;
    } else if (sample.fake_probability < low.fake_probability) low = sample;
    else if (sample.fake_probability > high.fake_probability) high = sample;
  }
  put();
  return points;
}
