// The list of analyses: two of them are compared, no more and no fewer.

export function history(main, { signal }) {
  const form = main.querySelector("#comparing");
  if (!form) return;
  const button = form.querySelector("#compare");
  const hint = form.querySelector("#compare-hint");
  const look = () => {
    const chosen = form.querySelectorAll("input:checked").length;
    button.disabled = chosen !== 2;
    hint.textContent = chosen === 2 ? "" : `Tick two analyses to see them side by side${chosen ? `: ${chosen} ticked` : ""}.`;
  };
  form.addEventListener("change", look, { signal });
  look();
}
