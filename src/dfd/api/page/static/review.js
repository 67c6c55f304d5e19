// What a person knows of a video, and deleting an analysis.

import { complain, notice, post } from "./calls.js";

export function review(main, { signal, go }) {
  const form = main.querySelector("#feedback");
  form?.addEventListener("submit", async (event) => {
    event.preventDefault();
    const given = new FormData(form);
    const said = form.querySelector("#feedback-said");
    try {
      await post(`/v1/jobs/${main.dataset.job}/feedback`, { label: given.get("label"), note: given.get("note").trim() || null });
      said.textContent = `Saved: you say it is ${given.get("label")}.`;
    } catch (error) {
      complain(error);
    }
  }, { signal });
  const dialog = main.querySelector("#sure");
  main.querySelector("#forget")?.addEventListener("click", () => dialog.showModal(), { signal });
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
