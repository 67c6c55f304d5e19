// The page: which of its parts comes alive, and going from one address to another without losing what was chosen.

import { analysis } from "./analysis.js";
import { ask, complain } from "./calls.js";
import { history as historyPage } from "./history.js";
import { signIn } from "./signin.js";
import { newAnalysis } from "./uploads.js";

const KINDS = { new: newAnalysis, analysis, history: historyPage, signIn };

let leave = new AbortController();

/** Make what stands in the page work; whatever it starts ends with the signal. */
function enter() {
  leave.abort();
  leave = new AbortController();
  const main = document.getElementById("main");
  for (const link of document.querySelectorAll("nav a")) {
    if (link.getAttribute("href") === location.pathname) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  KINDS[main.dataset.kind]?.(main, { signal: leave.signal, go, reload: () => go(location.href, { replace: true }) });
}

/** Go to an address of this service: its content takes the place of this one's, so chosen files stay at hand. */
async function go(address, { replace = false, push = true } = {}) {
  const before = document.getElementById("main");
  before.classList.add("waiting");
  let response;
  try {
    response = await fetch(address, { credentials: "same-origin", headers: { Accept: "text/html" } });
  } catch {
    before.classList.remove("waiting");
    return void (await ask(address).catch(complain));
  }
  const parsed = new DOMParser().parseFromString(await response.text(), "text/html");
  const main = parsed.getElementById("main");
  if (!main || response.redirected) return void location.assign(response.redirected ? response.url : address);
  document.title = parsed.title;
  before.replaceWith(document.adoptNode(main));
  if (replace) history.replaceState(null, "", address);
  else if (push) history.pushState(null, "", address);
  if (!replace) scrollTo(0, 0);
  main.focus({ preventScroll: true });
  enter();
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-page]");
  if (!link || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  go(link.href);
});
document.addEventListener("submit", (event) => {
  const form = event.target.closest("form[data-page]");
  if (!form || event.defaultPrevented) return;
  event.preventDefault();
  const query = new URLSearchParams([...new FormData(form)].filter(([, value]) => value)).toString();
  go(query ? `${form.action}?${query}` : form.action);
});
addEventListener("popstate", () => go(location.href, { push: false }));

enter();
