"""Each figure beside its goal, and the gate that build machines check."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Goal:
    """What a figure should be.

    Attributes:
        name: of the figure in the results.
        label: for people.
        bound: the most it should be, or the least.
        at_least: whether `bound` is the least.
        gate: the same for build machines, which are busy; None for what is not a ratio, and not checked there.
    """

    name: str
    label: str
    bound: float
    at_least: bool = False
    gate: float | None = None

    def is_met(self, value: float) -> bool:
        """Whether a figure is as good as the goal."""
        return value >= self.bound if self.at_least else value <= self.bound

    def passes_gate(self, value: float) -> bool:
        """Whether a figure is no worse than even a busy machine explains."""
        return self.gate is None or (value >= self.gate if self.at_least else value <= self.gate)


GOALS = (
    Goal("analysis_to_decode", "analysis / decode", 0.7, gate=1.3),
    Goal("naive_to_analysis", "naive / analysis", 7.0, at_least=True, gate=3.5),
    Goal("short_extra_ms", "warm, 5 s of 720p, beyond its decode, ms", 250.0),
    Goal("cold_cli_seconds", "cold `dfd predict`, 5 s of 720p, s", 1.2),
    Goal("analysis_peak_mb", "peak memory of 1080p, MB", 500.0),
)


def judged(results: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Every goal with what was measured, whether it is met, and whether the best turn passes the gate."""
    values = dict(results) | {"analysis_peak_mb": results["peak_mb"]["analysis"]}
    rows = []
    for goal in GOALS:
        if goal.name not in values:
            continue
        found = values[goal.name]
        value = float(found["median"] if isinstance(found, dict) else found)
        best = float(found["max" if goal.at_least else "min"]) if isinstance(found, dict) else value
        rows.append(
            {
                "name": goal.name,
                "label": goal.label,
                "value": value,
                "goal": goal.bound,
                "at_least": goal.at_least,
                "met": goal.is_met(value),
                "passes_gate": goal.passes_gate(best),
            }
        )
    return rows


def goals_table(results: Mapping[str, Any]) -> str:
    """The goals for people."""
    lines = [f"| {'figure':41} | {'measured':>8} | {'goal':>8} | met |", f"|{'-' * 43}|---------:|---------:|-----|"]
    for row in judged(results):
        bound = f"{'>=' if row['at_least'] else '<='} {row['goal']:g}"
        lines.append(f"| {row['label']:41} | {row['value']:8.2f} | {bound:>8} | {'yes' if row['met'] else 'NO ':3} |")
    return "\n".join(lines)
