// The list of analyses: comparing two of them.

export function history(main) {
  void main;
}
