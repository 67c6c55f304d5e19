"""What is weak, or not known, collected from all figures by rule."""

from collections.abc import Iterator, Mapping
from typing import Any

from dfd.evaluation.markup import words
from dfd.evaluation.samples import SLICE_COLUMNS
from dfd.manifest import ModelManifest
from dfd_train.card.facts import in_present_form
from dfd_train.card.markdown import counted, escaped, listed, with_interval
from dfd_train.card.remarks import (
    CHANCE,
    FEW,
    contains,
    of_brier,
    of_change,
    of_rarest,
    parts_not_told_apart,
)

_HALF = 0.5


def weak_points(manifest: ModelManifest, measured: Mapping[str, Any]) -> list[str]:
    """Sentences on what the figures do not bear out, the weightiest first."""
    held_out = in_present_form(manifest.metrics["cross_validation"])
    margin = manifest.decision.inconclusive_margin
    return [
        *_of_set("held-out sources", held_out["video"], held_out, held_out["coverage"]["scored_real"], margin),
        *_of_set("test videos", measured, measured, measured["coverage"]["scored_real"], margin),
        *_of_methods(measured["per_method"]),
        *_of_verdicts(measured.get("verdicts")),
        *_of_parts(measured["slices"]),
        *_of_damage(measured["robustness"], measured["settings"]["robustness"]),
    ]


def _of_set(name: str, video: Mapping[str, Any], whole: Mapping[str, Any], reals: int, margin: float) -> Iterator[str]:
    """Headline figures of one set of clips."""
    auc, ece = video["auc"], video["ece"]
    if auc is not None and auc["low"] <= CHANCE:
        where = "contains" if auc["high"] >= CHANCE else "lies below"
        yield f"AUC on {name} is {with_interval(auc)}: the interval {where} 0.5, the value of guessing."
    lost = [family for family, entry in whole["per_family"].items() if entry["auc"] and entry["auc"]["low"] <= CHANCE]
    if lost:
        yield f"On {name}, {escaped(listed(lost))} {'is' if len(lost) == 1 else 'are'} not shown to be told from reals."
    few = [family for family, entry in whole["per_family"].items() if entry["fakes"] < FEW]
    if few:
        yield f"On {name}, the figures of {escaped(listed(few))} rest on fewer than {FEW} fakes each."
    if worth := of_brier(video["brier"]):
        yield f"Brier score on {name} is {with_interval(video['brier'])}: {worth}."
    if ece is not None and ece["value"] > margin:
        yield (
            f"Probabilities on {name} are off by {with_interval(ece)} on average (ECE), more than the margin of the "
            f"verdict, {margin:g}."
        )
    if worth := of_rarest(reals):
        yield f"On {name}, {worth}."
    share = whole["coverage"]["scored_share"]
    if share is not None and share["value"] < 1:
        yield f"{1 - share['value']:.1%} of the {name} got no score and stand in no other figure."


def _of_methods(found: Mapping[str, Any]) -> Iterator[str]:
    few = sum(entry["fakes"] < FEW for entry in found.values())
    if few:
        yield f"{few} of {counted(len(found), 'method')} among the test videos rest on fewer than {FEW} fakes each."


def _of_verdicts(given: Mapping[str, Any] | None) -> Iterator[str]:
    if given is None:
        return
    share, right = given["decided_share"], given["decided_accuracy"]
    if share is not None and share["value"] < _HALF:
        yield f"Most test videos get no verdict: {with_interval(share)} of them are called fake or real."
    if right is not None and right["low"] <= _HALF:
        where = "contains" if contains(right, _HALF) else "lies below"
        yield f"Of the verdicts given, {with_interval(right)} are right: the interval {where} 0.5, the value of a coin."


def _of_parts(slices: Mapping[str, Any]) -> Iterator[str]:
    parts = [part for found in slices["quality"].values() for part in found]
    lost = parts_not_told_apart(parts)
    if lost:
        yield f"In {len(lost)} of {len(parts)} thirds by face quality, AUC is not shown to be above 0.5."
    missing = sum(part["auc"] is None for part in parts)
    if missing:
        yield f"Thirds by face quality that lack a class, and so have no AUC: {missing} of {len(parts)}."
    unknown = [words(name) for name in SLICE_COLUMNS if name not in slices["columns"]]
    if unknown:
        yield f"No figures by {listed(unknown)}: the list of test videos does not tell them."


def _of_damage(found: Mapping[str, Any] | None, extent: str) -> Iterator[str]:
    if found is None:
        yield "How it bears damage to the video was not measured."
        return
    names = {f"{entry['title']} {entry['level']:g}": entry for entry in found["conditions"]}
    worse = [name for name, entry in names.items() if of_change(entry["auc_change"]) == "AUC is lost"]
    if worse:
        yield f"AUC falls under {listed(worse)}."
    lost = [name for name, entry in names.items() if entry["auc"] and entry["auc"]["low"] <= CHANCE]
    if lost:
        yield f"Under {len(lost)} of {counted(len(names), 'damage')}, AUC is not shown to be above 0.5."
    if extent == "quick":
        yield "Damage was measured at one level of each kind."
