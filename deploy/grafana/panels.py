"""Dashboards of Grafana as plain data: panels that flow from left to right on its grid of 24 columns."""

from dataclasses import dataclass
from typing import Any, Final

DATA_SOURCE: Final = {"type": "prometheus", "uid": "dfd-prometheus"}
SCHEMA_VERSION: Final = 39

_KINDS: Final[dict[str, tuple[int, int]]] = {
    "stat": (4, 4),
    "timeseries": (12, 8),
    "heatmap": (12, 8),
    "table": (12, 8),
}
"""Width and height of panels by their kind."""


@dataclass(frozen=True)
class Panel:
    """A panel.

    Attributes:
        title: what it shows.
        queries: PromQL, by the legend of its series; ``$instance`` and ``$__rate_interval`` are filled in by Grafana.
        unit: of its values, by Grafana's name.
        kind: ``stat``, ``timeseries``, ``heatmap`` or ``table``.
        meaning: shown where somebody points at the title.
        limits: values from which it turns yellow and red; None where there is no such value.
        stacked: whether series add up to something.
    """

    title: str
    queries: dict[str, str]
    unit: str = "short"
    kind: str = "timeseries"
    meaning: str = ""
    limits: tuple[float, float] | None = None
    stacked: bool = False


@dataclass(frozen=True)
class Row:
    """A title over panels."""

    title: str
    panels: tuple[Panel, ...]


def dashboard(uid: str, title: str, rows: tuple[Row, ...]) -> dict[str, Any]:
    """The document that Grafana takes.

    Args:
        uid: names it for ever.
        title: shown.
        rows: from top to bottom.
    """
    panels: list[dict[str, Any]] = []
    y = 0
    for row in rows:
        panels.append(
            _numbered(panels, {"type": "row", "title": row.title, "collapsed": False, "panels": []}, 0, y, 24, 1)
        )
        y += 1
        x = tallest = 0
        for panel in row.panels:
            width, height = _KINDS[panel.kind]
            if x + width > 24:
                x, y, tallest = 0, y + tallest, 0
            panels.append(_numbered(panels, _body(panel), x, y, width, height))
            x, tallest = x + width, max(tallest, height)
        y += tallest
    return {
        "uid": uid,
        "title": title,
        "tags": ["dfd"],
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "editable": False,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "timezone": "browser",
        "graphTooltip": 1,
        "links": [{"type": "dashboards", "title": "DFD", "tags": ["dfd"], "asDropdown": True, "keepTime": True}],
        "templating": {"list": [_instances()]},
        "annotations": {"list": [_alerts()]},
        "panels": panels,
    }


def _numbered(before: list[dict[str, Any]], body: dict[str, Any], x: int, y: int, w: int, h: int) -> dict[str, Any]:
    return {"id": len(before) + 1, "gridPos": {"x": x, "y": y, "w": w, "h": h}, **body}


def _body(panel: Panel) -> dict[str, Any]:
    colours: list[dict[str, Any]] = [{"color": "green", "value": None}]
    if panel.limits is not None:
        colours += [{"color": "yellow", "value": panel.limits[0]}, {"color": "red", "value": panel.limits[1]}]
    defaults: dict[str, Any] = {"unit": panel.unit, "thresholds": {"mode": "absolute", "steps": colours}}
    if panel.kind == "timeseries":
        stacking = {"mode": "normal" if panel.stacked else "none", "group": "A"}
        custom = {
            "lineWidth": 1,
            "fillOpacity": 20 if panel.stacked else 5,
            "showPoints": "never",
            "stacking": stacking,
        }
        defaults |= {"min": 0, "custom": custom}
    return {
        "type": panel.kind,
        "title": panel.title,
        "description": panel.meaning,
        "datasource": DATA_SOURCE,
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": _OPTIONS[panel.kind],
        "targets": [_target(panel, number, *query) for number, query in enumerate(panel.queries.items())],
    }


_OPTIONS: Final[dict[str, dict[str, Any]]] = {
    "stat": {"reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}, "colorMode": "value"},
    "timeseries": {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
        "tooltip": {"mode": "multi", "sort": "desc"},
    },
    "heatmap": {"calculate": False, "yAxis": {"unit": "percentunit"}, "color": {"mode": "scheme", "scheme": "Blues"}},
    "table": {"showHeader": True, "cellHeight": "sm"},
}


def _target(panel: Panel, number: int, legend: str, query: str) -> dict[str, Any]:
    return {
        "refId": chr(ord("A") + number),
        "datasource": DATA_SOURCE,
        "expr": query,
        "legendFormat": legend,
        "format": {"heatmap": "heatmap", "table": "table"}.get(panel.kind, "time_series"),
        "instant": panel.kind in ("stat", "table"),
        "range": panel.kind not in ("stat", "table"),
    }


def _instances() -> dict[str, Any]:
    return {
        "name": "instance",
        "label": "Process",
        "type": "query",
        "datasource": DATA_SOURCE,
        "query": {"query": 'label_values(up{job="dfd"}, instance)', "refId": "instances"},
        "refresh": 2,
        "includeAll": True,
        "multi": True,
        "allValue": ".*",
        "current": {"text": "All", "value": "$__all"},
    }


def _alerts() -> dict[str, Any]:
    return {
        "name": "Alerts",
        "datasource": DATA_SOURCE,
        "enable": True,
        "iconColor": "red",
        "expr": 'ALERTS{alertname=~"Dfd.+", alertstate="firing"}',
        "titleFormat": "{{alertname}}",
        "step": "60s",
    }
