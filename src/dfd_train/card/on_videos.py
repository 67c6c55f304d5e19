"""What `dfd evaluate` measured of the exported model, through the serving pipeline, on whole videos."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from dfd.evaluation.markup import cells_of, percent, value_of, words
from dfd.types import Verdict
from dfd_train.card.held_out import family_table, figure_table, rate_table, worth_of_an_alarm
from dfd_train.card.markdown import INTERVAL, counted, escaped, signed, table, with_interval
from dfd_train.card.remarks import of_auc, of_change, of_false_alarms

_SHARES = (1.0, 0.75, 0.5, 0.25)
_QUALITIES = {"face_side_px": "size in px"}
_PART_HEAD = ("part", "real", "fake", "scored", "AUC", INTERVAL, "false alarms", "detections", "remark")


def test_videos(measured: Mapping[str, Any]) -> str:
    """Which videos, how many were scored, and every figure of videos and frames."""
    seen, boot, settings = measured["coverage"], measured["bootstrap"], measured["settings"]
    split = "" if settings["split"] is None else f", split {settings['split']}"
    lost = ", ".join(f"{words(code)}: {count}" for code, count in seen["errors"].items())
    return "\n\n".join(
        [
            f"{seen['real']} real and {seen['fake']} fake videos of `{settings['list']}`{escaped(split)}, judged by "
            "the exported file through the same pipeline as `dfd predict`. "
            f"{seen['scored_real']} real and {seen['scored_fake']} fake ones were scored "
            f"({percent(seen['scored_share'] and seen['scored_share']['value'])}); {seen['no_face']} showed no face, "
            f"{sum(seen['errors'].values())} could not be read{f' ({lost})' if lost else ''}. Intervals are 95 %, by "
            f"{boot['rounds']} bootstrap draws by {escaped(boot['unit'])}, of which there are {boot['units']}.",
            figure_table(measured, measured["frame"]),
        ]
    )


def forgeries(measured: Mapping[str, Any]) -> str:
    """The fakes of each family and method against all real videos."""
    tables = [
        family_table(measured[f"per_{kind}"], measured["coverage"]["scored_real"], kind)
        for kind in ("family", "method")
    ]
    return "\n\n".join(filter(None, tables))


def verdicts(measured: Mapping[str, Any]) -> str:
    """How often each verdict was given and right, margin and reasons counted, and what an alarm is worth."""
    given: Mapping[str, Any] | None = measured.get("verdicts")
    if given is None:
        return ""
    rows = [[label, *(str(given[label][verdict]) for verdict in Verdict)] for label in ("real", "fake")]
    alarms, reals = given["real"][Verdict.FAKE], sum(given["real"].values())
    hits, fakes = given["fake"][Verdict.FAKE], sum(given["fake"].values())
    bound = of_false_alarms({"value": alarms}, reals)
    parts = [
        table(("videos that are", *(f"called {verdict}" for verdict in Verdict)), rows, range(1, 4)),
        f"At the shipped threshold with its margin, {alarms} of {counted(reals, 'real video')} "
        f"{'was' if alarms == 1 else 'were'} called fake{f' ({bound})' if bound else ''}, and {hits} of "
        f"{counted(fakes, 'fake')}. {with_interval(given['decided_share'])} of the videos got a verdict other than "
        f"`inconclusive`; {with_interval(given['decided_accuracy'])} of those verdicts are right.",
        rate_table(measured["operating_points"], measured["coverage"]["scored_real"]),
        worth_of_an_alarm(measured["operating_points"], measured["coverage"]["scored_real"]),
    ]
    return "\n\n".join(filter(None, parts))


def calibration_and_abstention(measured: Mapping[str, Any]) -> str:
    """Whether probabilities mean what they say, and what leaving the unsure unanswered gains."""
    bins = [
        [
            f"{entry['mean_probability']:.3f}",
            f"{entry['fake_share']:.3f}",
            f"{entry['low']:.3f} to {entry['high']:.3f}",
            str(entry["count"]),
        ]
        for entry in measured["reliability"]["equal_width"]
    ]
    risk = measured["risk_coverage"]
    surest = [[f"{share:.0%}", f"{1 - wrong:.3f}"] for share, wrong in _at_shares(risk["points"])]
    if not bins:
        return ""
    return "\n\n".join(
        [
            "![Probability given against share of fakes](card/reliability.svg) "
            "![Share of wrong answers against share answered](card/abstention.svg)",
            table(("mean probability given", "share that is fake", "95 % interval (Wilson)", "videos"), bins, range(4)),
            "If only the surest videos were answered, fake or real by the threshold alone (area under the risk, "
            f"{with_interval(risk['area'])}):",
            table(("answered", "right"), surest, range(2)),
        ]
    )


def _at_shares(points: Sequence[Sequence[float]]) -> Iterator[tuple[float, float]]:
    """Share answered and share wrong at the first point that answers each wanted share."""
    found = {}
    for share in _SHARES:
        point = next((point for point in points if point[0] >= share - 1e-9), None)
        if point is not None:
            found[point[0]] = point[1]
    return iter(found.items())


def quality(measured: Mapping[str, Any]) -> str:
    """Figures by third of each quality of the face, by reason, and by column of the list."""
    slices = measured["slices"]
    titled = [
        *((f"{_QUALITIES.get(name, words(name))} of the face", parts) for name, parts in slices["quality"].items()),
        ("reason beside the verdict", slices["reasons"]),
        *((words(name), parts) for name, parts in slices["columns"].items()),
    ]
    rows = [[f"**{escaped(title)}**", *[""] * 8] if part is None else _part(part) for title, part in _flat(titled)]
    return table(_PART_HEAD, rows, range(1, 8))


def _flat(titled: Sequence[tuple[str, Sequence[Mapping[str, Any]]]]) -> Iterator[tuple[str, Mapping[str, Any] | None]]:
    """Each title without a part, then its parts; titles that have none are left out."""
    return chain.from_iterable([(title, None), *((title, part) for part in parts)] for title, parts in titled if parts)


def _part(part: Mapping[str, Any]) -> list[str]:
    span = f" ({part['from']:.4g} to {part['to']:.4g})" if "from" in part else ""
    return [
        escaped(words(part["name"])) + span,
        str(part["real"]),
        str(part["fake"]),
        percent(part["coverage"]),
        *cells_of(part["auc"]),
        value_of(part["false_alarm_rate"]),
        value_of(part["detection_rate"]),
        of_auc(part["auc"], part["fake"], part["real"]),
    ]


def robustness(measured: Mapping[str, Any]) -> str:
    """Figures under each damage, re-encodings among them."""
    found: Mapping[str, Any] | None = measured["robustness"]
    if found is None:
        return "Not measured for this version (`dfd-train run --robustness full`)."
    rows = [
        [
            f"{entry['kind']}: {entry['title']} {entry['level']:g}",
            percent(entry["coverage"]),
            *cells_of(entry["auc"]),
            *signed(entry["auc_change"]),
            "; ".join(filter(None, [of_change(entry["auc_change"]), of_auc(entry["auc"])])),
        ]
        for entry in found["conditions"]
    ]
    means = [[kind, "n/a" if mean is None else f"{mean:+.3f}"] for kind, mean in found["mean_auc_change"].items()]
    skipped = f" Left out, for lack of an encoder: {', '.join(found['skipped'])}." if found["skipped"] else ""
    extent = {
        "quick": " Only level 3 of the seven perturbations of DeeperForensics-1.0 and one chain of re-encoding were "
        "measured.",
        "full": "",
    }[measured["settings"]["robustness"]]
    return "\n\n".join(
        [
            "The same videos, spoilt before faces are looked for, compared pair by pair with the videos as they are."
            f"{extent}{skipped}",
            table(("condition", "scored", "AUC", INTERVAL, "change of AUC", INTERVAL, "remark"), rows, range(1, 6)),
            table(("kind", "mean change of AUC"), means, (1,)),
        ]
    )


def mistakes(measured: Mapping[str, Any]) -> str:
    """The worst mistakes, by name."""
    titles = {"false_alarms": "real", "missed_fakes": "fake"}
    rows = [
        [
            truth,
            escaped(row["path"]),
            escaped(row["method"]),
            f"{row['fake_probability']:.3f}",
            row["verdict"] or "",
            escaped(words(", ".join(row["reasons"]))),
        ]
        for key, truth in titles.items()
        for row in measured["mistakes"][key]
    ]
    return table(("is", "video", "method", "probability", "verdict", "reasons"), rows, (3,))
