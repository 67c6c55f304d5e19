"""What the manifest keeps of the training clips and of an evaluation: enough for a table, small enough to read."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from dfd_train.datasets import Clip

_VIDEO = ("auc", "eer", "ap", "tpr_at_fpr_1", "brier", "ece", "false_alarm_rate", "detection_rate")
_FRAME = ("frames", "auc", "eer", "ap", "brier", "ece")
_CONDITION = ("kind", "level", "coverage", "auc", "auc_change")


def data_facts(clips: Sequence[Clip]) -> dict[str, Any]:
    """What the training clips are, in numbers: clips by family, and how many methods, sources and people."""
    return {
        "families": dict(sorted(Counter(clip.family for clip in clips).items())),
        "methods": len({clip.method for clip in clips if clip.is_fake}),
        "sources": len({clip.source for clip in clips}),
        "people": len({person for clip in clips for person in clip.persons}),
    }


def compact(measured: Mapping[str, Any]) -> dict[str, Any]:
    """The part of an evaluation that the manifest keeps.

    Args:
        measured: the document of `dfd.evaluation.document`.

    Returns:
        ``list_sha256``, ``coverage``, headline figures of ``video`` and ``frame``, ``per_family``, ``robustness`` (the
        change of AUC under each condition; null where none was measured) and, where they were given, ``verdicts``.
    """
    robust, given = measured["robustness"], measured.get("verdicts")
    return {
        "list_sha256": measured["settings"]["list_sha256"],
        "coverage": measured["coverage"],
        "video": {name: measured[name] for name in _VIDEO},
        "frame": {name: measured["frame"][name] for name in _FRAME},
        "per_family": measured["per_family"],
        "robustness": robust and [{name: entry[name] for name in _CONDITION} for entry in robust["conditions"]],
        **({"verdicts": {name: given[name] for name in given if name != "reasons"}} if given else {}),
    }


def in_present_form(figures: Mapping[str, Any]) -> dict[str, Any]:
    """Figures of cross-validation as `dfd.evaluation.figures.summarise` gives them today.

    The first manifests counted clips under ``videos``, those without a score among them, knew coverage as a bare share,
    and gave frames no intervals; such frames are left out.
    """
    if "videos" not in figures:
        return dict(figures)
    share, videos = figures["coverage"], figures["videos"]
    return {
        "coverage": {
            **videos,
            "scored_real": videos["real"],
            "scored_share": {"value": share, "low": share, "high": share},
        },
        "video": figures["video"],
        "frame": {},
        "per_family": figures["per_family"],
    }
