"""How faithful explanations of the version were measured to be."""

from dfd.faithfulness import MOST_LIKE_RANDOM_WEIGHTS, Faithfulness, Figure
from dfd.manifest import ModelManifest
from dfd_train.card.about import DOCS
from dfd_train.card.markdown import INTERVAL, bullets, table


def explanations(manifest: ModelManifest) -> str:
    """Deletion, insertion and shuffled weights, and what is shown on their strength."""
    record = manifest.explanation
    if record is None:
        return "They were not measured to be faithful, so answers of this version are not explained."
    kinds = (("heat maps", record.maps), ("evidence by region", record.regions))
    rows = [[name, *row] for name, figures in kinds for row in _rows(figures)]
    return "\n\n".join(
        [
            f"Judged on {record.faces} faces of as many videos, {record.clusters} people or sources, drawn by these. "
            "Deletion is better the lower, insertion the higher; differences are those from orders that know nothing "
            "of the model. Under shuffled weights an explanation must become another: its rank correlation with that "
            f"of the model must be below {MOST_LIKE_RANDOM_WEIGHTS:g}. How maps are made and what they do not say: "
            f"[explanations.md]({DOCS}/explanations.md).",
            table(("of", "figure", "value", INTERVAL), rows, numbers=(2, 3)),
            bullets([_verdict(name, figures) for name, figures in kinds]),
        ]
    )


def _rows(figures: Faithfulness) -> list[list[str]]:
    found = [_row("deletion AUC", figures.deletion), _row("insertion AUC", figures.insertion)]
    for name, (deletion, insertion) in sorted(figures.beyond.items()):
        found.append(_row(f"deletion, less a {name} order", deletion, "+"))
        found.append(_row(f"insertion, less a {name} order", insertion, "+"))
    found += [
        _row(f"rank correlation, {name.replace('_', ' ')} shuffled", figure)
        for name, figure in sorted(figures.sanity.items())
    ]
    return found


def _row(name: str, figure: Figure, sign: str = "") -> list[str]:
    return [
        name,
        format(figure.value, f"{sign}.3f"),
        f"{format(figure.low, f'{sign}.3f')} to {format(figure.high, f'{sign}.3f')}",
    ]


def _verdict(name: str, figures: Faithfulness) -> str:
    if not figures.failures:
        return f"The {name} passed and are shown." if name.endswith("s") else f"The {name} passed and is shown."
    return f"The {name} did not pass and nothing of it is shown: {'; '.join(figures.failures)}."
