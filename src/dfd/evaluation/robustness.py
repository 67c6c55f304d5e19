"""How much worse it gets when videos are spoilt: each condition against the same videos as they are."""

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from dfd.evaluation.conditions import CLEAN, KINDS, Condition, Conditions, FrameKind
from dfd.evaluation.figures import Judge, ranked
from dfd.evaluation.results import ClipResult
from dfd.evaluation.running import Results
from dfd.statistics import metrics
from dfd.statistics.resampling import Scored


def robustness(results: Results, conditions: Conditions, judge: Judge) -> dict[str, Any] | None:
    """Figures by condition; None where only clean videos were judged.

    Returns:
        ``conditions``, one entry each, with the figures of `ranked` and ``auc_change``: AUC under the condition minus
        AUC as they are, on the videos that have a score in both, with an interval that keeps the pairs;
        ``mean_auc_change``, by kind and over all conditions, where encodings that come out the same count once;
        ``skipped``, the kinds whose encoder is not there.
    """
    if not conditions.wanted:
        return None
    entries = [_entry(condition, results[CLEAN], results[condition], judge) for condition in conditions.wanted]
    kinds = dict.fromkeys(condition.kind for condition in conditions.wanted)
    damages = [_damage(condition, results[condition]) for condition in conditions.wanted]
    return {
        "conditions": entries,
        "mean_auc_change": {
            "all": _mean_change(list(dict(zip(damages, entries, strict=True)).values())),
            **{kind: _mean_change([entry for entry in entries if entry["kind"] == kind]) for kind in kinds},
        },
        "skipped": list(conditions.skipped),
    }


def _damage(condition: Condition, spoilt: Sequence[ClipResult]) -> Hashable:
    """What a condition does, equal for two that do the same: `VC` and `H264` share levels."""
    kind = KINDS[condition.kind]
    if isinstance(kind, FrameKind):
        return condition
    encoding = kind.encoding[condition.level]
    # 480p leaves small videos their size: whether it was another encoding, the answers tell
    return encoding.codec, encoding.crf, tuple(result.probability for result in spoilt)


def _entry(
    condition: Condition, clean: Sequence[ClipResult], spoilt: Sequence[ClipResult], judge: Judge
) -> dict[str, Any]:
    pairs = [
        (before.sample, before.probability, after.probability)
        for before, after in zip(clean, spoilt, strict=True)
        if before.probability is not None and after.probability is not None
    ]
    before = Scored.of([s.is_fake for s, _, _ in pairs], [p for _, p, _ in pairs], [s.cluster for s, _, _ in pairs])
    after = np.asarray([p for _, _, p in pairs], dtype=np.float64)
    return {
        "kind": condition.kind,
        "title": KINDS[condition.kind].title,
        "level": condition.level,
        **ranked(spoilt, judge),
        "auc_change": judge.change(metrics.auc, before, after),
    }


def _mean_change(entries: Sequence[dict[str, Any]]) -> float | None:
    changes = [entry["auc_change"]["value"] for entry in entries if entry["auc_change"] is not None]
    return round(float(np.mean(changes)), 4) if changes else None
