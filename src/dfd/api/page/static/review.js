// What a person knows of a video, and deleting an analysis.

import { askJson, complain, notice, post } from "./calls.js";

const said = ({ label, note, reviewer, created_at: at }) => {
  const who = reviewer ? ` by ${reviewer}` : "";
  return `Said to be ${label}${who} on ${new Date(at).toLocaleDateString("en-GB")}${note ? `: ${note}` : "."}`;
};

/** What was said before; whoever may not see that is not asked either. */
async function remembered(form, jobId, signal) {
  try {
    const known = await askJson(`/v1/jobs/${jobId}/feedback`, { signal });
    if (!known.label) return;
    form.elements.label.value = known.label;
    form.querySelector("#feedback-said").textContent = said(known.feedback.at(-1));
  } catch (error) {
    if (error.code === "forbidden") form.closest("section").hidden = true;
  }
}

export function review(main, { signal, go }) {
  const form = main.querySelector("#feedback");
  if (form) remembered(form, main.dataset.job, signal);
  form?.addEventListener("submit", async (event) => {
    event.preventDefault();
    const given = new FormData(form);
    const place = form.querySelector("#feedback-said");
    try {
      const body = { label: given.get("label"), note: given.get("note").trim() || null };
      const kept = await (await post(`/v1/jobs/${main.dataset.job}/feedback`, body)).json();
      place.textContent = `Saved. ${said(kept)}`;
    } catch (error) {
      complain(error);
    }
  }, { signal });
  const dialog = main.querySelector("#sure");
  main.querySelector("#forget")?.addEventListener("click", () => {
    dialog.returnValue = ""; // an answer given before stays, and Escape does not take it back in every browser
    dialog.showModal();
  }, { signal });
  dialog?.addEventListener("close", async () => {
    if (dialog.returnValue !== "yes") return;
    try {
      await post(`/v1/jobs/${main.dataset.job}/forget`);
      await go("/analyses");
      notice("The analysis is deleted.");
    } catch (error) {
      complain(error);
    }
  }, { signal });
}
