"""The chaos suite in short: every part once. ``make chaos`` runs it in full."""

import secrets
import sys
from pathlib import Path

import pytest
from tests.chaos.running import Plan, run


@pytest.mark.slow
@pytest.mark.faults
def test_what_is_accepted_completes_once_whatever_is_killed(tmp_path: Path) -> None:
    plan = Plan(seed=secrets.randbelow(10**6), rounds=1, outage_s=(0.5, 2.0))
    sys.stderr.write(f"seed {plan.seed}\n")  # shown where the test fails
    outcome = run(tmp_path, plan)
    assert outcome.faults == [], outcome.figures
    assert outcome.figures["accepted"] == outcome.figures["succeeded"] > len(outcome.figures["outages"])
