// A link of another site leads to the sign-in even whoever is signed in, because browsers then keep the cookie back.
// Asked from here they send it.

export async function signIn(main, { signal }) {
  if (main.querySelector("#wrong")) return;
  try {
    const response = await fetch("/session", { credentials: "same-origin", signal });
    if (response.status === 204) location.replace(main.dataset.next);
  } catch {
    // the service is away, or the visitor has gone on: the form stays
  }
}
