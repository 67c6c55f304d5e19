"""``make chaos``: see docs/operations.md."""

import argparse
import json
import secrets
import sys
import tempfile
from pathlib import Path

from tests.chaos.running import Plan, run


def main() -> int:
    """Run, write the figures, and say whether all is as it should be."""
    parser = argparse.ArgumentParser(prog="make chaos", description="Kill every part of a cluster in turn, under load.")
    parser.add_argument("--seed", type=int, help="of order and outages; by default another one each time")
    parser.add_argument("--rounds", type=int, default=Plan.rounds, help="how often each part goes away")
    parser.add_argument("--out", type=Path, help="file for the figures, as JSON")
    given = parser.parse_args()
    plan = Plan(secrets.randbelow(10**6) if given.seed is None else given.seed, given.rounds)
    sys.stderr.write(f"seed {plan.seed}\n")
    with tempfile.TemporaryDirectory(prefix="dfd-chaos-") as folder:
        outcome = run(Path(folder), plan)
    text = json.dumps(outcome.figures, indent=1) + "\n"
    sys.stdout.write(text)
    if given.out is not None:
        given.out.write_text(text, encoding="utf-8")
    return 1 if outcome.faults else 0


if __name__ == "__main__":
    sys.exit(main())
