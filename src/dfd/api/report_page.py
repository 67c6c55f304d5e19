"""``report.html``: a report for people, in one file that asks nobody for anything and runs nothing.

It is made from the JSON report (``docs/report.schema.json``). Every word of it is escaped; times are in seconds of the
video, probabilities in [0, 1].
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby
from typing import Any, Final

POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Content-Security-Policy of the page, also as a header: were a word not escaped, it still could not run."""

_STYLE: Final = """\
:root { color-scheme: light dark; --paper: #fff; --ink: #1b1f24; --soft: #59636e; --rule: #d9dee3;
  --fake: #c2500a; --real: #1f6fb5; }
@media (prefers-color-scheme: dark) { :root { --paper: #14181c; --ink: #e8ebee; --soft: #a3adb8; --rule: #353d45;
  --fake: #ff9d5c; --real: #6fb4f2; } }
body { margin: 0 auto; padding: 1.5rem 1rem 4rem; max-width: 60rem; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, sans-serif; font-variant-numeric: tabular-nums; }
h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; padding-top: .75rem; border-top: 1px solid var(--rule); }
.fake { color: var(--fake); } .real { color: var(--real); } p, caption { color: var(--soft); }
table { border-collapse: collapse; font-size: .9rem; } caption { text-align: left; padding-bottom: .4rem; }
th, td { padding: .25rem 1rem .25rem 0; text-align: left; border-bottom: 1px solid var(--rule); }
td { overflow-wrap: anywhere; } svg { max-width: 100%; height: auto; }
.score { fill: var(--real); } .score.over { fill: var(--fake); } .line { stroke: var(--soft); stroke-dasharray: 4 3; }
.frame { fill: none; stroke: var(--rule); }
"""

_WIDTH_PX, _HEIGHT_PX, _EDGE_PX = 800, 160, 6

Data = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of one track whose every sample reaches the threshold; times of its first and last sample."""

    track_id: int
    start_s: float
    end_s: float
    samples: int
    highest: float


def report_page(report: Data) -> str:
    """The whole page.

    Args:
        report: the JSON report.
    """
    verdict = escape(report["verdict"])
    sections = [
        f'<h1>Verdict: <span class="{verdict}">{verdict}</span></h1>',
        _summary(report),
        _course(report),
        _section("Suspicious segments", _segments_table(report)),
        _section("Faces", _tracks_table(report)),
        _section("What this rests on", _facts(report)),
    ]
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        f"<title>Verdict: {verdict}</title>\n<style>\n{_STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(sections)
        + "\n</body>\n</html>\n"
    )


def segments_of(report: Data) -> list[Segment]:
    """The suspicious stretches of every track, by time."""
    found: list[Segment] = []
    by_track = sorted(report["face_scores"], key=lambda score: (score["track_id"], score["pts_s"]))
    for track_id, scores in groupby(by_track, key=lambda score: score["track_id"]):
        found.extend(_runs(track_id, list(scores), report["threshold"]))
    return sorted(found, key=lambda segment: (segment.start_s, segment.track_id))


def _runs(track_id: int, scores: Sequence[Data], threshold: float) -> Iterator[Segment]:
    for over, run in groupby(scores, key=lambda score: bool(score["fake_probability"] >= threshold)):
        if over:
            samples = list(run)
            highest = max(score["fake_probability"] for score in samples)
            yield Segment(track_id, samples[0]["pts_s"], samples[-1]["pts_s"], len(samples), highest)


def _summary(report: Data) -> str:
    point = report["operating_point"]
    named = f" ({_words(point)})" if point else ""
    said = f"Probability of fake of the most suspicious face: {_number(report['fake_probability'])}; "
    reasons = ", ".join(map(_words, report["reasons"])) or "none"
    return (
        f"<p>{said}threshold {_number(report['threshold'])}{escape(named)}.</p>\n"
        f"<p>Reasons that weaken the verdict: {escape(reasons)}.</p>"
    )


def _course(report: Data) -> str:
    """Every scored face over the time of the video, drawn."""
    scores = report["face_scores"]
    if not scores:
        return ""
    last_s = max(score["pts_s"] for score in scores) or 1.0
    level = _y_px(report["threshold"])
    dots = [
        f'<circle class="score{" over" if score["fake_probability"] >= report["threshold"] else ""}" r="3" '
        f'cx="{_EDGE_PX + score["pts_s"] / last_s * (_WIDTH_PX - 2 * _EDGE_PX):.1f}" '
        f'cy="{_y_px(score["fake_probability"]):.1f}"/>'
        for score in scores
    ]
    drawn = (
        f'<svg viewBox="0 0 {_WIDTH_PX} {_HEIGHT_PX}" width="{_WIDTH_PX}" role="img" '
        'aria-label="Probability of fake of each face over time">'
        f'<rect class="frame" x="0" y="0" width="{_WIDTH_PX}" height="{_HEIGHT_PX}"/>'
        f'<line class="line" x1="0" x2="{_WIDTH_PX}" y1="{level:.1f}" y2="{level:.1f}"/>{"".join(dots)}</svg>'
    )
    note = f"<p>From 0 to {last_s:.1f} s; at the bottom 0, at the top 1, dashed the threshold.</p>"
    return _section("Course", f"{drawn}\n{note}")


def _y_px(probability: float) -> float:
    return _HEIGHT_PX - _EDGE_PX - probability * (_HEIGHT_PX - 2 * _EDGE_PX)


def _segments_table(report: Data) -> str:
    rows = [
        [str(one.track_id), f"{one.start_s:.2f}", f"{one.end_s:.2f}", str(one.samples), _number(one.highest)]
        for one in segments_of(report)
    ]
    if not rows:
        return "<p>No sample of any face reaches the threshold.</p>"
    head = ("face", "from, s", "to, s", "samples", "highest probability")
    return _table(head, rows, "Stretches in which every sample of a face reaches the threshold.")


def _tracks_table(report: Data) -> str:
    rows = [
        [
            str(track["track_id"]),
            f"{track['start_s']:.2f}",
            f"{track['end_s']:.2f}",
            str(track["face_count"]),
            _number(track["fake_probability"]),
            f"{track['median_face_side_px']:.0f}",
        ]
        for track in report["tracks"]
    ]
    if not rows:
        return "<p>No face was followed.</p>"
    return _table(("face", "from, s", "to, s", "samples", "probability of fake", "typical side, px"), rows)


def _facts(report: Data) -> str:
    coverage, video, model = report["coverage"], report["video"], report["model"]
    duration_s = video["duration_s"]
    rows = [
        ["frames looked at", str(coverage["sampled_frames"])],
        ["of these with a face", str(coverage["face_frames"])],
        ["decoded to the end", "yes" if coverage["decode_complete"] else "no"],
        ["picture", f"{video['width_px']} x {video['height_px']} px, {video['codec']}"],
        ["duration", "unknown" if duration_s is None else f"{duration_s:.2f} s"],
        ["SHA-256 of the file", report["input_sha256"]],
        ["model", f"{model['name']} {model['version']}"],
        ["SHA-256 of its weights", model["weights_sha256"]],
        ["scored by", ", ".join(model.get("backends", ())) or "nothing"],  # reports before schema 1.2 do not say
    ]
    return _table(("fact", "value"), rows)


def _section(title: str, content: str) -> str:
    return f"<h2>{escape(title)}</h2>\n{content}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], caption: str = "") -> str:
    def row(tag: str, cells: Sequence[str]) -> str:
        return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"

    named = f"<caption>{escape(caption)}</caption>" if caption else ""
    body = "\n".join(row("td", cells) for cells in rows)
    return f"<table>{named}<thead>{row('th', head)}</thead>\n<tbody>\n{body}\n</tbody></table>"


def _words(name: str) -> str:
    return name.replace("_", " ")


def _number(probability: float | None) -> str:
    return "none, nothing was scored" if probability is None else f"{probability:.3f}"
