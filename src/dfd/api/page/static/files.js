// The files that were chosen in this visit: the player takes the user's own, which is there at once and stays here.

const files = new Map();

export const keepFile = (jobId, file) => files.set(jobId, file);

export const fileOf = (jobId) => files.get(jobId);

/** SHA-256 of a file in lower-case hex; null where the browser has no means for it, as over plain HTTP. */
export async function sha256(file) {
  if (!crypto.subtle) return null;
  const digest = await crypto.subtle.digest("SHA-256", await file.arrayBuffer());
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
