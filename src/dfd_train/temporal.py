"""What the order and the spread of a clip's scores add to their mean, measured on held-out clips.

Serving takes the mean of a track's probabilities, which ranks clips nearly as the mean of their logits does. Whatever
else is taken must beat that on clips that neither the model nor the rule has seen: the rules that have numbers of their
own are fitted on the other folds.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from dfd.statistics import metrics
from dfd.statistics.resampling import Scored, difference, estimates
from dfd_train.validation import HeldOut, Logits

Array = npt.NDArray[np.float64]

MEAN = "mean of logits"
FITTED = "fitted to mean, spread, extremes and flicker"


def _top(logits: Logits) -> float:
    """Mean of the highest quarter, at least one."""
    return float(np.sort(logits)[-max(1, len(logits) // 4) :].mean())


def flicker(logits: Logits) -> float:
    """Mean absolute change from one sampled face to the next, in logits; 0 for a single face."""
    return float(np.abs(np.diff(logits)).mean()) if len(logits) > 1 else 0.0


RULES: Mapping[str, Callable[[Logits], float]] = MappingProxyType(
    {
        MEAN: lambda logits: float(logits.mean()),
        "median": lambda logits: float(np.median(logits)),
        "highest": lambda logits: float(logits.max()),
        "mean of the highest quarter": _top,
        "first face only": lambda logits: float(logits[0]),
        "spread alone": lambda logits: float(logits.std()),
        "flicker alone": flicker,
    }
)
"""Ways to make one score of a clip's logits that have nothing to fit."""


def evidence(logits: Logits) -> list[float]:
    """What the fitted rule looks at: mean, spread, extremes and flicker."""
    return [float(logits.mean()), float(logits.std()), float(logits.min()), float(logits.max()), flicker(logits)]


def compare_rules(held: Sequence[HeldOut], seed: int) -> list[dict[str, Any]]:
    """Every rule on the same held-out clips.

    Args:
        held: of all folds; clips without a face are left out.
        seed: of the bootstrap, whose clusters are sources.

    Returns:
        one entry a rule, the mean first: ``rule``, ``auc``, and ``difference`` to the mean on the same draws, each with
        its interval (None where a class is missing).
    """
    scored = [item for item in held if len(item.logits)]
    labels = [item.clip.is_fake for item in scored]
    sources = [item.clip.source for item in scored]
    scores = {name: [rule(item.logits) for item in scored] for name, rule in RULES.items()}
    scores[FITTED] = _fitted(scored).tolist()
    base = Scored.of(labels, scores[MEAN], sources)
    rows = []
    for name, values in scores.items():
        rng = np.random.default_rng(seed)
        auc = estimates({"auc": metrics.auc}, Scored.of(labels, values, sources), rng)["auc"]
        change = difference(metrics.auc, base, np.asarray(values), np.random.default_rng(seed))
        rows.append(
            {
                "rule": name,
                "auc": None if auc is None else auc.to_dict(),
                "difference": None if change is None else change.to_dict(),
            }
        )
    return rows


def _fitted(scored: Sequence[HeldOut]) -> Array:
    """Scores of a logistic regression on `evidence`, for each fold fitted on the others; both classes weigh the same.

    A fold whose others hold but one class keeps the mean.
    """
    found = np.array([evidence(item.logits) for item in scored])
    labels = np.array([item.clip.is_fake for item in scored])
    folds = np.array([item.fold for item in scored])
    scores = found[:, 0].copy()
    for fold in np.unique(folds):
        others = folds != fold
        if len(np.unique(labels[others])) == 2:
            model = make_pipeline(StandardScaler(), LogisticRegression(class_weight="balanced"))
            scores[~others] = model.fit(found[others], labels[others]).decision_function(found[~others])
    return scores
