"""Each figure beside its goal, and the gate that build machines check."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dfd.onnx_sessions import missing_for_cuda

Figures = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Goal:
    """What a figure should be.

    Attributes:
        name: of the figure in the results.
        label: for people.
        bound: the most it should be, or the least.
        command: what measures it.
        at_least: whether `bound` is the least.
        gate: the same for build machines, which are busy; None for what is not a ratio, and not checked there.
        needs_gpu: whether it is about a graphics card.
    """

    name: str
    label: str
    bound: float
    command: str = "make bench"
    at_least: bool = False
    gate: float | None = None
    needs_gpu: bool = False

    def is_met(self, value: float) -> bool:
        """Whether a figure is as good as the goal."""
        return value >= self.bound if self.at_least else value <= self.bound

    def passes_gate(self, value: float) -> bool:
        """Whether a figure is no worse than even a busy machine explains."""
        return self.gate is None or (value >= self.gate if self.at_least else value <= self.gate)

    def why_not_measured(self) -> str:
        """What keeps this machine from measuring it, or what to call for it."""
        missing = missing_for_cuda() if self.needs_gpu else ""
        return f"not measured: {missing}" if missing else f"not measured here: {self.command}"


GOALS = (
    Goal("analysis_to_decode", "analysis / decode", 0.7, gate=1.3),
    Goal("naive_to_analysis", "naive / analysis", 7.0, at_least=True, gate=3.5),
    Goal("short_extra_ms", "warm, 5 s of 720p, beyond its decode, ms", 250.0),
    Goal("cold_cli_seconds", "cold `dfd predict`, 5 s of 720p, s", 1.2),
    Goal("analysis_peak_mb", "peak memory of 1080p, MB", 500.0),
    Goal("two_hours_to_decode", "2 h of 1080p, analysis / decode", 0.65, "make bench-lengths"),
    Goal("two_hours_peak_mb", "2 h of 1080p, peak memory, MB", 500.0, "make bench-lengths"),
    Goal("service_to_library", "service, 8 clients / bare library", 0.9, "make bench-service", at_least=True),
    Goal("gpu_video_s_per_s", "GPU, video seconds a second", 1000.0, "make bench-gpu", at_least=True, needs_gpu=True),
    Goal("gpu_busy_percent", "GPU, busy, %", 70.0, "make bench-gpu", at_least=True, needs_gpu=True),
)


def judged(results: Figures) -> list[dict[str, Any]]:
    """Every goal of which a figure was measured: the figure, whether it is met, whether the best turn passes the gate.

    Args:
        results: figures by the names of the goals, each a number or a `benchmarks.spread.Spread`; others are let be.
    """
    rows = []
    for goal in GOALS:
        if goal.name not in results:
            continue
        found = results[goal.name]
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


def goals_table(results: Figures) -> str:
    """All goals for people; of those that were not measured, why."""
    found = {row["name"]: row for row in judged(results)}
    lines = [f"| {'figure':41} | {'measured':>8} | {'goal':>8} | met |", f"|{'-' * 43}|---------:|---------:|-----|"]
    for goal in GOALS:
        bound = f"{'>=' if goal.at_least else '<='} {goal.bound:g}"
        row = found.get(goal.name)
        measured = f"{row['value']:8.2f}" if row else f"{'-':>8}"
        met = ("yes" if row["met"] else "NO ") if row else goal.why_not_measured()
        lines.append(f"| {goal.label:41} | {measured} | {bound:>8} | {met} |")
    return "\n".join(lines)
