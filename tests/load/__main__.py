"""``make load``: see docs/operations.md."""

import argparse
import json
import sys
import tempfile
from pathlib import Path

from tests.load.running import Plan, run


def main() -> int:
    """Run, write the figures, and say whether all is as it should be."""
    parser = argparse.ArgumentParser(prog="make load", description="Ask a service for twice what it can do.")
    parser.add_argument("--seconds", type=float, default=Plan.seconds, help="of traffic (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=Plan.seed, help="of the traffic (default: %(default)s)")
    parser.add_argument("--out", type=Path, help="file for the figures, as JSON")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="dfd-load-") as folder:
        outcome = run(Path(folder), Plan(given.seconds, given.seed))
    text = json.dumps(outcome.figures, indent=1) + "\n"
    sys.stdout.write(text)
    if given.out is not None:
        given.out.write_text(text, encoding="utf-8")
    return 1 if outcome.faults or outcome.misses else 0


if __name__ == "__main__":
    sys.exit(main())
