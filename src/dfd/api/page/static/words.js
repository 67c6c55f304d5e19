// Sentences for people, and how numbers are written. The sentences come with the page, so that there is one list of them.

const WORDS = JSON.parse(document.getElementById("words").textContent);

/** What happened and what to do next, for a code of the interface. */
export const problem = (code) => WORDS.problems[code] ?? WORDS.unknown;

/** A problem as one line. */
export const told = (code) => problem(code).join(" ");

export const states = WORDS.states;
export const verdicts = WORDS.verdicts;
export const regions = WORDS.regions;

/** A place in a video. */
export function clock(seconds) {
  const tenths = Math.round(seconds * 10);
  const minutes = Math.floor(tenths / 600);
  const rest = ((tenths % 600) / 10).toFixed(1).padStart(4, "0");
  return minutes < 60 ? `${minutes}:${rest}` : `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}:${rest}`;
}

export const percent = (share) => `${Math.round(share * 100)} %`;

/** Bytes. */
export function size(count) {
  if (count < 1000) return `${count} bytes`;
  const units = ["kB", "MB", "GB", "TB"];
  let value = count / 1000;
  while (value >= 999.5 && units.length > 1) {
    value /= 1000;
    units.shift();
  }
  return `${value >= 10 ? value.toFixed(0) : value.toFixed(1)} ${units[0]}`;
}
