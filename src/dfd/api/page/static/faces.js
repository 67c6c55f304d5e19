// Thumbnails, heat maps on request, and what each part of a face adds.

import { ask, askJson, complain, hold, isHeld, Refused } from "./calls.js";
import { regions as names } from "./words.js";

const AT_ONCE = 2; // each picture takes the service some work

export function faces(main, { signal, seek }) {
  main.addEventListener("click", (event) => {
    const button = event.target.closest("[data-seek]");
    if (!button) return;
    seek(Number(button.dataset.seek));
    main.querySelector("#stage").scrollIntoView({ block: "nearest" });
  }, { signal });
  main.querySelector("#all-faces")?.addEventListener("click", (event) => {
    const more = main.querySelectorAll(".face[hidden]");
    for (const face of more) face.hidden = false;
    giveWay(event.target, more[0].querySelector(".thumb"));
  });
  for (const moment of main.querySelectorAll(".moment")) explained(moment, main.dataset.source, signal);
  main.querySelector("#load-regions")?.addEventListener("click", (event) => parts(main, event.target, signal));
  thumbs(main, signal);
}

/** Load the thumbnails that are near to be seen, also those of faces not shown yet, a few at a time; what cannot be had
 * stays an empty place. */
function thumbs(main, signal) {
  const waiting = [];
  let open = 0;
  const next = () => {
    while (open < AT_ONCE && waiting.length && !signal.aborted) load(waiting.shift());
  };
  const load = async (image) => {
    if (!image.dataset.thumb) return;
    open += 1;
    image.src = image.dataset.thumb;
    delete image.dataset.thumb;
    await image.decode().catch(() => image.removeAttribute("src"));
    open -= 1;
    next();
  };
  const watch = new IntersectionObserver((seen) => {
    for (const { target, isIntersecting } of seen) {
      if (!isIntersecting) continue;
      watch.unobserve(target);
      waiting.push(target);
    }
    next();
  }, { rootMargin: "300px" });
  for (const image of main.querySelectorAll("img[data-thumb]")) watch.observe(image);
  signal.addEventListener("abort", () => watch.disconnect());
}

/** A heat map over a frame that counted: the sheet of the interface holds the face and the map over it. */
function explained(moment, jobId, signal) {
  const button = moment.querySelector("[data-explain]");
  button?.addEventListener("click", async () => {
    if (isHeld(button)) return;
    const { track, time } = moment.dataset;
    hold(button, true);
    button.textContent = "Being drawn …";
    try {
      const response = await ask(`/v1/jobs/${jobId}/heatmaps?track=${track}&t=${time}&form=sheet&side=320`, { signal });
      lay(moment, await createImageBitmap(await response.blob()));
      giveWay(button, moment.querySelector("[data-strength]"));
    } catch (error) {
      hold(button, false);
      button.textContent = "Try again";
      if (error instanceof Refused || error.name === "AbortError") complain(error);
      else complain(new Refused("internal"));
    }
  });
}

/** Take away a button that has done its work; whoever is at it by keyboard goes on with what it has brought. */
function giveWay(button, brought) {
  const wasAtIt = document.activeElement === button;
  button.remove();
  if (wasAtIt) brought.focus();
}

function lay(moment, sheet) {
  const side = sheet.height;
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = side;
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", `Heat map of ${moment.querySelector("img").alt.toLowerCase()}`);
  const pen = canvas.getContext("2d");
  const slider = moment.querySelector(".slider");
  const draw = () => {
    pen.globalAlpha = 1;
    pen.drawImage(sheet, 0, 0, side, side, 0, 0, side, side);
    pen.globalAlpha = moment.querySelector("[data-strength]").value / 100;
    pen.drawImage(sheet, side, 0, side, side, 0, 0, side, side);
  };
  moment.querySelector(".map").append(canvas);
  slider.hidden = false;
  slider.addEventListener("input", draw);
  draw();
}

async function parts(main, button, signal) {
  if (isHeld(button)) return;
  hold(button, true);
  button.textContent = "Being measured …";
  try {
    const found = await askJson(`/v1/jobs/${main.dataset.source}/regions?track=${button.dataset.track}`, { signal });
    const table = main.querySelector("#regions table");
    const most = Math.max(...found.regions.map((one) => Math.abs(one.evidence_logit)), 1e-6);
    const sorted = [...found.regions].sort((a, b) => b.evidence_logit - a.evidence_logit);
    table.tBodies[0].replaceChildren(...sorted.map((one) => partRow(one, most)));
    table.hidden = false;
    giveWay(button, table);
  } catch (error) {
    hold(button, false);
    button.textContent = "Try again";
    complain(error);
  }
}

function partRow({ region, evidence_logit: evidence }, most) {
  const row = document.createElement("tr");
  const name = document.createElement("th");
  name.scope = "row";
  name.textContent = names[region] ?? region;
  const drawn = document.createElement("td");
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("width", "100%");
  svg.setAttribute("height", "14");
  svg.setAttribute("aria-hidden", "true");
  const share = (Math.abs(evidence) / most) * 50;
  svg.append(
    rectangle("bar " + (evidence >= 0 ? "fake" : "real"), evidence >= 0 ? 50 : 50 - share, share, "%"),
    rectangle("axis", 50, 1, ""),
  );
  drawn.append(svg);
  const said = document.createElement("td");
  said.textContent = `${evidence >= 0 ? "fake" : "real"} ${Math.abs(evidence).toFixed(2)}`;
  row.append(name, drawn, said);
  return row;
}

function rectangle(kind, x, width, unit) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", "rect");
  made.setAttribute("class", kind);
  made.setAttribute("x", `${x}%`);
  made.setAttribute("width", `${width}${unit}`);
  made.setAttribute("height", "14");
  return made;
}
