"""``index.html``: the document for people, in one file that asks nobody for anything."""

from collections.abc import Mapping
from html import escape
from importlib.resources import files
from typing import Any

from dfd.evaluation import charts
from dfd.evaluation.markup import (
    Figure,
    Html,
    auc_bar,
    cells_of,
    change_bar,
    gallery,
    interval_of,
    percent,
    plain,
    section,
    table,
    titled,
    value_of,
    words,
)
from dfd.types import Verdict

FIGURES = {
    "auc": "AUC",
    "eer": "equal error rate",
    "ap": "average precision",
    "tpr_at_fpr_0_1": "true positives at 0.1 % false positives",
    "tpr_at_fpr_1": "true positives at 1 % false positives",
    "tpr_at_fpr_5": "true positives at 5 % false positives",
    "brier": "Brier score",
    "log_loss": "log loss",
    "ece": "calibration error, 15 equally wide bins",
    "ece_equal_mass": "calibration error, 15 equally full bins",
    "false_alarm_rate": "false alarms at the threshold",
    "detection_rate": "detections at the threshold",
    "auc_missing_as_half": "AUC with 0.5 for videos without a score",
}
"""The figures of videos, in words."""

_INTERVAL = "95 % interval"
_PART_HEAD = ("part", "real", "fake", "scored", "AUC", _INTERVAL, "", "false alarms", "detections")
_MISTAKES = {
    "false_alarms": "Real videos with the highest probability",
    "missed_fakes": "Fake videos with the lowest probability",
}


def page(measured: Mapping[str, Any]) -> str:
    """The whole page.

    Args:
        measured: the document of `dfd.evaluation.document`.
    """
    style = (files("dfd.evaluation") / "report.css").read_text(encoding="utf-8")
    title = escape(f"Evaluation of {measured['model']['name']}/{measured['model']['version']}")
    sections = [
        _head(title, measured),
        _figures(measured),
        _curves(measured),
        _decisions(measured),
        _forgeries(measured),
        _parts(measured["slices"]),
        _robustness(measured["robustness"], measured["auc"]),
        _mistakes(measured["mistakes"]),
        _settings(measured),
    ]
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        f"<title>{title}</title>\n<style>\n{style}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(filter(None, sections))
        + "\n</main>\n</body>\n</html>\n"
    )


def _head(title: str, measured: Mapping[str, Any]) -> str:
    seen, boot = measured["coverage"], measured["bootstrap"]
    tiles = [
        _tile("AUC", measured["auc"]),
        _tile("equal error rate", measured["eer"]),
        _tile(FIGURES["tpr_at_fpr_1"], measured["tpr_at_fpr_1"]),
        _tile("share of videos scored", seen["scored_share"]),
    ]
    return (
        f"<h1>{title}</h1>\n"
        f"<p>{seen['real']} real and {seen['fake']} fake videos of {escape(measured['settings']['list'])}. "
        f"{seen['scored_real']} real and {seen['scored_fake']} fake ones were scored, in {seen['no_face']} no face was "
        f"found, {sum(seen['errors'].values())} could not be read. Intervals are 95 %, by {boot['rounds']} bootstrap "
        f"draws; drawn by {escape(boot['unit'])}, of which there are {boot['units']}.</p>\n"
        f'<div class="tiles">{"".join(tiles)}</div>'
    )


def _tile(name: str, figure: Figure) -> str:
    inside = f"<span>{escape(name)}</span><b>{value_of(figure)}</b><small>{interval_of(figure)}</small>"
    return f'<div class="tile">{inside}</div>'


def _figures(measured: Mapping[str, Any]) -> Html:
    frame = measured["frame"]
    rows = [
        [title, *cells_of(measured[name]), *(cells_of(frame[name]) if name in frame else ("", ""))]
        for name, title in FIGURES.items()
    ]
    head = ("figure", "videos", _INTERVAL, f"frames ({frame['frames']})", _INTERVAL)
    return section("Figures", table(head, rows, numbers=range(1, 5)))


def _curves(measured: Mapping[str, Any]) -> Html:
    risk = measured["risk_coverage"]
    key = Html(
        '<span class="key real">real</span> and <span class="key fake">fake</span> videos; upright: the threshold.'
    )
    return section(
        "Curves",
        gallery(
            [
                ("ROC curve of the videos; dashed: chance.", charts.roc_plot(measured["roc"])),
                (
                    "Reliability: on the dashed line, probabilities mean what they say.",
                    charts.reliability_plot(measured["reliability"]["equal_width"]),
                ),
                (key, charts.histogram_plot(measured["histogram"], measured["settings"]["threshold"])),
                (
                    f"Wrong answers when only the surest are given; area {value_of(risk['area'])} "
                    f"({interval_of(risk['area'])}).",
                    charts.risk_plot(risk["points"]),
                ),
            ]
        ),
    )


def _decisions(measured: Mapping[str, Any]) -> Html:
    rows = [
        [
            words(point["name"]),
            f"{point['threshold']:.3f}",
            *cells_of(point["false_alarm_rate"]),
            *cells_of(point["detection_rate"]),
        ]
        for point in measured["operating_points"]
    ]
    head = ("operating point", "threshold", "false alarms", _INTERVAL, "detections", _INTERVAL)
    return section(
        "Decisions",
        "<p>Videos that score at least the threshold alone; the margin that verdicts keep from it is left aside.</p>",
        table(head, rows, numbers=range(1, 6)),
        _verdicts(measured.get("verdicts")),
    )


def _verdicts(given: Mapping[str, Any] | None) -> str:
    if given is None:
        return ""
    rows = [[label, *(str(given[label][verdict]) for verdict in Verdict)] for label in ("real", "fake")]
    share, right = given["decided_share"], given["decided_accuracy"]
    return titled(
        "Verdicts",
        f"<p>Of the videos that could be read, a share of {value_of(share)} ({interval_of(share)}) got a verdict other "
        f"than <i>inconclusive</i>; {value_of(right)} ({interval_of(right)}) of those verdicts are right.</p>\n"
        + table(("videos that are", *(f"called {verdict}" for verdict in Verdict)), rows, numbers=range(1, 4)),
    )


def _forgeries(measured: Mapping[str, Any]) -> Html:
    tables = []
    for kind in ("family", "method"):
        rows = [
            [
                name,
                str(entry["fakes"]),
                percent(entry["coverage"]),
                *cells_of(entry["auc"]),
                auc_bar(entry["auc"]),
                *cells_of(entry["detection_rate"]),
            ]
            for name, entry in measured[f"per_{kind}"].items()
        ]
        if rows:
            head = (kind, "fakes", "scored", "AUC", _INTERVAL, "", "detections", _INTERVAL)
            tables.append(titled(f"By {kind}", table(head, rows, numbers=(1, 2, 3, 4, 6, 7))))
    note = "<p>The fakes of each kind against all real videos. Dashed: chance.</p>" if tables else ""
    return section("Forgeries", note, *tables)


def _parts(found: Mapping[str, Any]) -> Html:
    tables = [
        *((f"By {words(name)} of the face", parts) for name, parts in found["quality"].items()),
        ("By reason beside the verdict", found["reasons"]),
        *((f"By {words(name)}", parts) for name, parts in found["columns"].items()),
    ]
    return section(
        "Parts of the videos",
        *(
            titled(title, table(_PART_HEAD, [_part(part) for part in parts], numbers=(1, 2, 3, 4, 5, 7, 8)))
            for title, parts in tables
            if parts
        ),
    )


def _part(part: Mapping[str, Any]) -> list[str]:
    auc = part["auc"]
    span = f" ({part['from']:.4g} to {part['to']:.4g})" if "from" in part else ""
    return [
        words(part["name"]) + span,
        str(part["real"]),
        str(part["fake"]),
        percent(part["coverage"]),
        *cells_of(auc),
        auc_bar(auc),
        value_of(part["false_alarm_rate"]),
        value_of(part["detection_rate"]),
    ]


def _robustness(found: Mapping[str, Any] | None, clean: Figure) -> str:
    if found is None:
        return ""
    rows = [
        [
            f"{entry['kind']}: {entry['title']} {entry['level']:g}",
            percent(entry["coverage"]),
            *cells_of(entry["auc"]),
            auc_bar(entry["auc"]),
            *cells_of(entry["auc_change"]),
            change_bar(entry["auc_change"]),
        ]
        for entry in found["conditions"]
    ]
    head = ("condition", "scored", "AUC", _INTERVAL, "", "change of AUC", _INTERVAL, "")
    mean = found["mean_auc_change"]["all"]
    skipped = f" Left out, for lack of an encoder: {', '.join(found['skipped'])}." if found["skipped"] else ""
    return section(
        "Robustness",
        "<p>The videos are spoilt before faces are looked for, and compared with the same videos as they are. The mean "
        f"change of AUC is {'n/a' if mean is None else f'{mean:+.3f}'}. Dashed: the AUC as they are; chance; no change."
        f"{escape(skipped)}</p>",
        gallery(charts.robustness_plots(found["conditions"], clean)),
        table(head, rows, numbers=(1, 2, 3, 5, 6)),
    )


def _mistakes(found: Mapping[str, Any]) -> Html:
    tables = []
    for key, title in _MISTAKES.items():
        rows = [
            [
                "/".join(filter(None, (row["dataset"], row["path"]))),
                row["method"],
                f"{row['fake_probability']:.3f}",
                row["verdict"] or "",
                words(", ".join(row["reasons"])),
            ]
            for row in found[key]
        ]
        if rows:
            head = ("video", "method", "probability", "verdict", "reasons")
            tables.append(titled(title, table(head, rows, numbers=(2,))))
    return section("Worst mistakes", *tables)


def _settings(measured: Mapping[str, Any]) -> Html:
    rows = [
        [words(name), plain(value)]
        for part in ("model", "settings", "bootstrap")
        for name, value in measured[part].items()
    ]
    return section("Model and settings", table(("setting", "value"), rows))
