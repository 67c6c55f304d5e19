"""Writes Grafana's dashboards: `python -m deploy.grafana.make_dashboards`. Change them here, not in Grafana."""

import json
import sys
from pathlib import Path
from typing import Final

from deploy.grafana import jobs, models, service
from deploy.grafana.panels import dashboard

FOLDER: Final = Path(__file__).parent / "dashboards"

DASHBOARDS: Final = {
    "service": dashboard("dfd-service", "DFD: service", service.ROWS),
    "models": dashboard("dfd-models", "DFD: models and rollouts", models.ROWS),
    "jobs": dashboard("dfd-jobs", "DFD: queue and workers", jobs.ROWS),
}


def text_of(name: str) -> str:
    """The file of a dashboard."""
    return json.dumps(DASHBOARDS[name], indent=1) + "\n"


def main() -> int:
    """Write them all."""
    for name in DASHBOARDS:
        (FOLDER / f"{name}.json").write_text(text_of(name), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
