"""The pieces of HTML that the report is made of. Text is escaped, but for what is `Html` already."""

from collections.abc import Collection, Mapping, Sequence
from html import escape

from dfd.evaluation.svg import Axis, interval_bar

Figure = Mapping[str, float] | None
"""A figure: ``value``, ``low`` and ``high``; None where it is undefined."""

_AUC_AXIS = Axis("", 0, 1, ())
_CHANGE_AXIS = Axis("", -0.5, 0.5, ())
_UNDEFINED = "n/a"


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


def markup(text: str) -> str:
    """Text as HTML."""
    return text if isinstance(text, Html) else escape(text)


def words(name: str) -> str:
    """A machine's name in words."""
    return name.replace("_", " ")


def plain(value: object) -> str:
    """Any setting as text."""
    if isinstance(value, Mapping):
        return ", ".join(f"{words(str(name))} {inner}" for name, inner in value.items())
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return "none" if value is None else str(value)


def section(title: str, *parts: str) -> Html:
    """A heading and what follows it; nothing where nothing does."""
    return Html("\n".join([f"<h2>{escape(title)}</h2>", *filter(None, parts)])) if any(parts) else Html("")


def titled(title: str, part: str) -> Html:
    """A smaller heading and what follows it."""
    return Html(f"<h3>{escape(title)}</h3>\n{part}")


def gallery(plots: Sequence[tuple[str, str]]) -> Html:
    """Plots side by side, each with its caption before it in the pair."""
    shown = "".join(f"<figure>{plot}<figcaption>{markup(caption)}</figcaption></figure>" for caption, plot in plots)
    return Html(f'<div class="plots">{shown}</div>' if shown else "")


def table(head: Sequence[str], rows: Sequence[Sequence[str]], numbers: Collection[int] = ()) -> Html:
    """A table; the columns of `numbers` stand to the right."""

    def row(tag: str, cells: Sequence[str]) -> str:
        kinds = [' class="number"' if column in numbers else "" for column in range(len(cells))]
        return "".join(f"<{tag}{kind}>{markup(cell)}</{tag}>" for kind, cell in zip(kinds, cells, strict=True))

    top = f"<thead><tr>{row('th', head)}</tr></thead>"
    body = "\n".join(f"<tr>{row('td', cells)}</tr>" for cells in rows)
    return Html(f'<div class="table"><table>\n{top}\n<tbody>\n{body}\n</tbody>\n</table></div>')


def value_of(figure: Figure) -> str:
    """A figure without its interval."""
    return _UNDEFINED if figure is None else f"{figure['value']:.3f}"


def interval_of(figure: Figure) -> str:
    """The interval of a figure."""
    return _UNDEFINED if figure is None else f"{figure['low']:.3f} to {figure['high']:.3f}"


def cells_of(figure: Figure) -> tuple[str, str]:
    """A figure and its interval, for two columns."""
    return value_of(figure), interval_of(figure)


def percent(share: float | None) -> str:
    """A share in percent."""
    return _UNDEFINED if share is None else f"{share:.1%}"


def auc_bar(figure: Figure) -> Html:
    """An AUC on a scale from 0 to 1, chance marked."""
    return _bar(figure, 0.5, _AUC_AXIS)


def change_bar(figure: Figure) -> Html:
    """A change on a scale from -0.5 to 0.5, none marked."""
    return _bar(figure, 0.0, _CHANGE_AXIS)


def _bar(figure: Figure, reference: float, axis: Axis) -> Html:
    return Html("" if figure is None else interval_bar(figure["value"], figure["low"], figure["high"], reference, axis))
