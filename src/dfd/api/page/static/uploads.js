// Handing in: each file is a request of its own, two at a time, and goes on while other parts of the page are looked at.

import { notice, refusal, Refused } from "./calls.js";
import { keepFile } from "./files.js";
import { size, states, told, verdicts } from "./words.js";

const AT_ONCE = 2;
const LOOK_EVERY_MS = 2000;
const LONGEST_NAME = 256; // of `external_id`

const entries = []; // every file of this visit, the newest first
let show = () => {};
let shown = false; // whether the page that lists them is there
let lookTimer;

/** A name that the service takes: its beginning and its end, which has the kind of file. */
export function shortened(name) {
  const letters = [...name.replace(/[\p{Cc}\p{Cs}]/gu, " ").trim()];
  if (letters.length <= LONGEST_NAME) return letters.join("") || "video";
  return [...letters.slice(0, LONGEST_NAME - 41), "…", ...letters.slice(-40)].join("");
}

/** The page where videos are handed in. */
export function newAnalysis(main, { signal, go }) {
  const drop = main.querySelector("#drop");
  const input = main.querySelector("#files");
  const list = main.querySelector("#uploads");
  const spoken = main.querySelector("#spoken");
  const take = (files) => {
    const chosen = [...files].map((file) => add(file, Number(main.dataset.maxBytes), (text) => (spoken.textContent = text)));
    if (chosen.length === 1) chosen[0].alone = true;
    start();
  };
  input.addEventListener("change", () => {
    take(input.files);
    input.value = "";
  });
  drop.addEventListener("submit", (event) => event.preventDefault());
  let depth = 0; // a drag passes over the children of the page, too
  const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
  const over = (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    if (event.type === "dragenter") depth += 1;
    drop.classList.add("over");
  };
  addEventListener("dragenter", over, { signal });
  addEventListener("dragover", over, { signal });
  addEventListener("dragleave", () => {
    depth -= 1;
    if (depth <= 0) drop.classList.remove("over");
  }, { signal });
  addEventListener("drop", (event) => {
    depth = 0;
    drop.classList.remove("over");
    if (!hasFiles(event)) return;
    event.preventDefault();
    take(event.dataTransfer.files);
  }, { signal });
  show = (entry) => {
    if (!entry.row) entry.row = rowOf(entry);
    if (entry.row.parentNode !== list) list.prepend(entry.row);
    paint(entry);
    if (entry.jobId && entry.alone) {
      entry.alone = false;
      go(`/analyses/${entry.jobId}`);
    }
  };
  shown = true;
  for (const entry of [...entries].reverse()) show(entry);
  look();
  signal.addEventListener("abort", () => {
    shown = false;
    show = () => {};
    clearTimeout(lookTimer);
  });
}

function add(file, maxBytes, say) {
  const entry = { file, name: file.name, key: crypto.randomUUID?.() ?? String(Math.random()), stage: "waiting", sent: 0, say };
  if (file.size > maxBytes) fail(entry, new Refused("upload_too_large"), `It has ${size(file.size)}; at most ${size(maxBytes)} are taken.`);
  if (file.size === 0) fail(entry, new Refused("unreadable_video"), "The file is empty.");
  entries.unshift(entry);
  show(entry);
  return entry;
}

function start() {
  const free = AT_ONCE - entries.filter((entry) => entry.stage === "sending").length;
  for (const entry of entries.filter((one) => one.stage === "waiting").reverse().slice(0, free)) send(entry);
}

function send(entry) {
  const form = new FormData();
  form.append("file", entry.file, "media"); // the service does not look at names; the one for people goes beside it
  const request = new XMLHttpRequest();
  entry.request = request;
  entry.stage = "sending";
  entry.say(`Uploading ${entry.name}`);
  request.open("POST", `/v1/jobs?external_id=${encodeURIComponent(shortened(entry.name))}`);
  request.setRequestHeader("Idempotency-Key", entry.key);
  request.upload.addEventListener("progress", (event) => {
    entry.sent = event.loaded / event.total;
    show(entry);
  });
  request.addEventListener("load", () => {
    if (request.status === 202) accepted(entry, JSON.parse(request.responseText).jobs[0]);
    else fail(entry, refusal(request.status, request.responseText));
    start();
  });
  request.addEventListener("error", () => {
    fail(entry, new Refused("unreachable"));
    start();
  });
  request.addEventListener("abort", () => {
    entry.stage = "stopped";
    show(entry);
    start();
  });
  request.send(form);
  show(entry);
}

function accepted(entry, job) {
  entry.stage = "accepted";
  entry.jobId = job.id;
  entry.job = job;
  keepFile(job.id, entry.file);
  entry.say(`${entry.name} is uploaded.`);
  show(entry);
  look();
}

function fail(entry, error, more = "") {
  entry.stage = "failed";
  entry.error = `${error.message} ${more}`.trim();
  entry.say?.(`${entry.name}: ${entry.error}`);
  if (error.code === "unauthorized") notice(error.message);
  show(entry);
}

/** How the accepted ones are: asked for all together, so that many files do not use up the browser's connections. */
async function look() {
  clearTimeout(lookTimer);
  const open = entries.filter((entry) => entry.jobId && !entry.job.finished_at);
  if (!open.length || !shown) return;
  if (!document.hidden) {
    for (const entry of open.slice(0, 16)) {
      try {
        const response = await fetch(`/v1/jobs/${entry.jobId}`, { credentials: "same-origin" });
        if (response.ok) entry.job = await response.json();
        if (response.status === 404) entry.job = { ...entry.job, state: "expired", finished_at: "gone" };
      } catch {
        break; // the service is away; the next look tells
      }
      if (entry.job.finished_at) entry.say(`${entry.name}: ${ended(entry.job)}`);
      show(entry);
    }
  }
  clearTimeout(lookTimer);
  if (shown) lookTimer = setTimeout(look, LOOK_EVERY_MS);
}

const ended = (job) => verdicts[job.verdict] ?? (job.error ? told(job.error.code) : states[job.state]);

function rowOf(entry) {
  const row = document.createElement("li");
  row.className = "card upload";
  const title = document.createElement("span");
  title.className = "title";
  title.textContent = entry.name;
  title.title = entry.name;
  const buttons = document.createElement("span");
  buttons.className = "buttons";
  const bar = document.createElement("progress");
  bar.max = 1;
  bar.setAttribute("aria-label", `Upload of ${shortened(entry.name)}`);
  const said = document.createElement("p");
  said.className = "said small soft";
  row.append(title, buttons, bar, said);
  return row;
}

function paint(entry) {
  const [, buttons, bar, said] = entry.row.children;
  const job = entry.job;
  const done = entry.stage === "failed" || entry.stage === "stopped" || Boolean(job?.finished_at);
  bar.hidden = done;
  if (entry.stage === "sending") bar.value = entry.sent;
  else if (job?.progress.total_frames) bar.value = job.progress.done_frames / job.progress.total_frames;
  else if (job) bar.removeAttribute("value");
  else bar.value = 0;
  const text = {
    waiting: `${size(entry.file.size)}, waiting for its turn`,
    sending: entry.sent < 1 ? `Uploading ${Math.floor(entry.sent * 100)} % of ${size(entry.file.size)}` : "Being checked …",
    stopped: "Not uploaded: you stopped it.",
    failed: entry.error,
    accepted: job && (job.finished_at ? ended(job) : `${states[job.state]} …`),
  }[entry.stage];
  if (said.textContent !== text) said.textContent = text;
  const wanted = { waiting: "Stop", sending: "Stop", stopped: "Try again", failed: "Try again", accepted: "open" }[entry.stage];
  if (buttons.dataset.wanted === wanted) return;
  buttons.dataset.wanted = wanted;
  buttons.replaceChildren(wanted === "open" ? link(entry) : button(entry, wanted));
}

function button(entry, text) {
  const made = document.createElement("button");
  made.className = "button quiet";
  made.textContent = text;
  made.setAttribute("aria-label", `${text}: ${shortened(entry.name)}`);
  made.addEventListener("click", () => {
    if (entry.stage === "sending") entry.request.abort();
    else if (entry.stage === "waiting") entry.stage = "stopped";
    else Object.assign(entry, { stage: "waiting", sent: 0 });
    show(entry);
    start();
  });
  return made;
}

function link(entry) {
  const made = document.createElement("a");
  made.className = "button";
  made.href = `/analyses/${entry.jobId}`;
  made.dataset.page = "";
  made.textContent = "Open";
  made.setAttribute("aria-label", `Open the analysis of ${shortened(entry.name)}`);
  return made;
}
