// Asking the service, and turning whatever goes wrong into a sentence.

import { problem } from "./words.js";

/** Something that the service refused, or that kept it from answering. */
export class Refused extends Error {
  constructor(code, requestId = "") {
    const [said, next] = problem(code);
    super(`${said} ${next}${requestId ? ` (Request ${requestId})` : ""}`);
    this.code = code;
  }
}

const QUIET = new Set(["unreachable", "unauthorized", "job_not_found"]);

/** The code in an answer that is no success, as of RFC 9457; a proxy's own page has none. */
export function refusal(status, text) {
  try {
    const found = JSON.parse(text);
    if (typeof found.code === "string") return new Refused(found.code, status >= 500 ? found.request_id : "");
  } catch {
    // not JSON: something between the browser and the service has answered
  }
  const codes = { 401: "unauthorized", 404: "not_found", 408: "upload_timeout", 413: "upload_too_large", 429: "rate_limited" };
  return new Refused(codes[status] ?? (status >= 502 && status <= 504 ? "unreachable" : "internal"));
}

/** Ask, and return the response; throws `Refused`. */
export async function ask(address, options = {}) {
  let response;
  try {
    response = await fetch(address, { credentials: "same-origin", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused("unreachable");
  }
  if (!response.ok) throw refusal(response.status, await response.text());
  return response;
}

export const askJson = async (address, options) => (await ask(address, options)).json();

/** Send JSON. */
export const post = (address, body) =>
  ask(address, { method: "POST", headers: { "Content-Type": "application/json" }, body: body && JSON.stringify(body) });

/** Whoever is not signed in any more goes to do so, and comes back. */
export function signInAgain(error) {
  if (error.code !== "unauthorized") return false;
  location.assign(`/sign-in?next=${encodeURIComponent(location.pathname + location.search)}`);
  return true;
}

/** Keep a button from being used, or let it be used again. A disabled one would lose the keyboard's focus. */
export const hold = (button, held) => button.setAttribute("aria-disabled", String(Boolean(held)));

export const isHeld = (button) => button.getAttribute("aria-disabled") === "true";

let hiding;

/** Say something at the foot of the page. */
export function notice(text, lastsMs = 8000) {
  const place = document.getElementById("notice");
  clearTimeout(hiding);
  place.hidden = !text;
  place.textContent = text;
  if (text && lastsMs) hiding = setTimeout(() => (place.hidden = true), lastsMs);
}

/** Say what went wrong, unless the page goes on by itself. */
export function complain(error) {
  if (error.name === "AbortError" || signInAgain(error)) return;
  notice(error instanceof Refused ? error.message : problem("internal").join(" "));
  if (!(error instanceof Refused)) throw error;
}

export const isQuiet = (error) => QUIET.has(error.code);
