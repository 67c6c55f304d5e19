// Live progress by Server-Sent Events. Only the tab that is looked at listens: browsers allow few connections.

import { ask, askJson, complain, notice, signInAgain } from "./calls.js";
import { states, told } from "./words.js";

const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 15000;

export function progress(main, { signal, reload }) {
  const jobId = main.dataset.job;
  const word = main.querySelector("#progress-word");
  const text = main.querySelector("#progress-text");
  const bar = main.querySelector("#progress-bar");
  const cancel = main.querySelector("#cancel");
  const spoken = main.querySelector("#spoken");
  let stream;
  let pauseMs = FIRST_PAUSE_MS;
  let timer;
  let toldQuarter = -1;

  const tell = (job) => {
    const { done_frames: done, total_frames: total } = job.progress;
    word.textContent = job.cancel_requested ? "Being cancelled" : states[job.state];
    if (job.state === "queued") {
      text.textContent = job.error ? `${told(job.error.code)} It will be tried again.` : `Number ${job.queue_position ?? 1} in the queue.`;
      bar.removeAttribute("value");
    } else if (total) {
      text.textContent = `${done} of ${total} frames looked at.`;
      bar.value = done / total;
    } else {
      text.textContent = "Looking for faces …";
      bar.removeAttribute("value");
    }
    cancel.disabled = job.cancel_requested;
    const quarter = total ? Math.floor((4 * done) / total) : 0;
    if (quarter !== toldQuarter) spoken.textContent = `${word.textContent}. ${text.textContent}`;
    toldQuarter = quarter;
  };

  const heard = (event) => {
    pauseMs = FIRST_PAUSE_MS;
    notice("");
    const job = JSON.parse(event.data);
    tell(job);
    if (!job.finished_at) return;
    stop();
    reload();
  };

  const stop = () => {
    clearTimeout(timer);
    stream?.close();
    stream = undefined;
  };

  const listen = () => {
    stop();
    if (document.hidden || signal.aborted) return;
    stream = new EventSource(`/v1/jobs/${jobId}/events`);
    stream.addEventListener("progress", heard);
    stream.addEventListener("result", heard);
    stream.addEventListener("error", () => {
      notice("The connection to the service is lost. The analysis is not: this page goes on by itself.", 0);
      stop();
      timer = setTimeout(look, pauseMs);
      pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS);
    });
  };

  /** Find out why there is no stream, and go on when there can be one. */
  const look = async () => {
    try {
      const job = await askJson(`/v1/jobs/${jobId}`, { signal });
      notice("");
      if (job.finished_at) return void reload();
      tell(job);
      listen();
    } catch (error) {
      if (error.name === "AbortError" || signInAgain(error)) return;
      if (error.code === "job_not_found") return void reload();
      timer = setTimeout(look, pauseMs);
      pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS);
    }
  };

  document.addEventListener("visibilitychange", () => (document.hidden ? stop() : look()), { signal });
  addEventListener("online", look, { signal });
  signal.addEventListener("abort", stop);
  cancel.addEventListener("click", async () => {
    cancel.disabled = true;
    try {
      await ask(`/v1/jobs/${jobId}`, { method: "DELETE" });
      word.textContent = "Being cancelled";
    } catch (error) {
      if (error.code === "job_ended") return void reload();
      cancel.disabled = false;
      complain(error);
    }
  });
  listen();
}
