// The page: which of its parts comes alive, and going from one address to another without losing what was chosen.

import { analysis } from "./analysis.js";
import { ask, complain } from "./calls.js";
import { history as historyPage } from "./history.js";
import { signIn } from "./signin.js";
import { newAnalysis } from "./uploads.js";

const KINDS = { new: newAnalysis, analysis, history: historyPage, signIn };

let leave = new AbortController();
let shown; // the address of what stands in the page, without the place in it
let goings = 0;

const here = () => location.pathname + location.search;

/** Make what stands in the page work; whatever it starts ends with the signal. */
function enter() {
  leave.abort();
  leave = new AbortController();
  shown = here();
  const main = document.getElementById("main");
  for (const link of document.querySelectorAll("nav a")) {
    if (link.getAttribute("href") === location.pathname) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  const reload = () => {
    if (!main.classList.contains("waiting")) go(location.href, { replace: true }); // else the visitor is on the way elsewhere
  };
  KINDS[main.dataset.kind]?.(main, { signal: leave.signal, go, reload });
}

/** Go to an address of this service: its content takes the place of this one's, so chosen files stay at hand. */
async function go(address, { replace = false, push = true } = {}) {
  const before = document.getElementById("main");
  const going = (goings += 1);
  before.classList.add("waiting");
  let response;
  try {
    response = await fetch(address, { credentials: "same-origin", headers: { Accept: "text/html" } });
  } catch {
    if (going !== goings) return;
    before.classList.remove("waiting");
    return void (await ask(address).catch(complain));
  }
  const parsed = new DOMParser().parseFromString(await response.text(), "text/html");
  if (going !== goings) return; // somewhere else is wanted by now
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
addEventListener("popstate", () => {
  if (here() !== shown) return void go(location.href, { push: false });
  goings += 1; // back at what stands here, or at a place in it, as the skip link goes
  document.getElementById("main").classList.remove("waiting");
});

enter();
