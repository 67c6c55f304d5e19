"""What each part of a recipe is worth: the same folds, trained with one thing changed at a time."""

import dataclasses
import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from dfd.manifest import InputContract
from dfd.statistics import metrics
from dfd.statistics.resampling import Scored, estimates
from dfd_train.datasets import digest_of
from dfd_train.made_fakes import Extras, Faces
from dfd_train.recipe import Recipe
from dfd_train.train import recipe_digest
from dfd_train.validation import HeldOut, hold_out

Change = Callable[[Recipe], Recipe]


def _with(**fields: Any) -> Change:
    return lambda recipe: dataclasses.replace(recipe, **fields)


def _contract(**fields: Any) -> Change:
    """Of the model and of its foundation, save that a foundation has one frame."""

    def change(recipe: Recipe) -> Recipe:
        contract: InputContract = dataclasses.replace(recipe.contract, **fields)
        foundation = recipe.foundation
        if foundation is not None:
            alone = dataclasses.replace(contract, frames=foundation.contract.frames)
            foundation = dataclasses.replace(foundation, contract=alone)
        return dataclasses.replace(recipe, contract=contract, foundation=foundation)

    return change


def _throughout(**fields: Any) -> Change:
    """Of the model and of its foundation."""

    def change(recipe: Recipe) -> Recipe:
        foundation = recipe.foundation and dataclasses.replace(recipe.foundation, **fields)
        return dataclasses.replace(recipe, **fields, foundation=foundation)

    return change


def _without(family: str) -> Change:
    def change(recipe: Recipe) -> Recipe:
        kept = MappingProxyType({name: weight for name, weight in recipe.made.items() if name != family})
        return _throughout(made=kept)(recipe)

    return change


VARIANTS: Mapping[str, Change] = MappingProxyType(
    {
        "as it is": _with(),
        "frame alone": _contract(frames=1),
        "difference alone": _with(trunks=("motion",), foundation=None),
        "no frame at half size": _with(trunks=("still", "motion")),
        "no frame at full size": _with(trunks=("half", "motion")),
        "difference at full size": _with(trunks=("still", "half", "change")),
        "80 px": lambda recipe: _with(trunks=("still", "change"))(_contract(size_px=80)(recipe)),
        "no foundation": _with(foundation=None),
        "one mask family": _throughout(mask_families=("hull",)),
        "no self-blending": _without("self_blend"),
        "no swaps": _without("swap"),
        "no lip-sync": _without("lipsync"),
        "no re-rendering": _without("rerender"),
        "no wear": _throughout(worn_share=0.0, degraded_share=0.0),
        "no pairs for the last layer": _with(head_batches=0),
        "weights held down more": _with(head_strength=1e-3),
        "weights held down less": _with(head_strength=1e-1),
        "fine-tuned": _with(
            epochs=2,
            steps_per_epoch=100,
            frozen_stages=2,
            frozen_norms=True,
            made_share=0.4,
            made=MappingProxyType({"self_blend": 0.4, "swap": 0.3, "lipsync": 0.2, "rerender": 0.1}),
            stills_share=0.4,
            worn_share=0.15,
            degraded_share=0.35,
            learning_rate=2e-4,
            ema_momentum=0.99,
        ),
        "seed 2": _throughout(seed=2),
        "seed 3": _throughout(seed=3),
    }
)
"""Changes to a recipe by name. Contracts other than the recipe's own need a crop store of their own."""


def ablate(
    names: Sequence[str],
    recipe: Recipe,
    material_for: Callable[[Recipe], tuple[Sequence[Faces], Extras]],
    folds: Sequence[int],
    *,
    fold_count: int,
    runs: Path,
    progress: bool,
) -> list[dict[str, Any]]:
    """Train and judge variants; what was judged already, by the same folds of the same clips, is not done again.

    Args:
        names: of `VARIANTS`.
        recipe: what is changed.
        material_for: the clips with crops cut as a recipe says, and what forgeries are made of beside them.
        folds: numbers of the folds that are held out, from 0.
        fold_count: folds to deal the groups into.
        runs: folder for the runs.
        progress: whether to show bars.

    Returns:
        one row a variant: ``name``, ``seed``, ``seconds`` (of this call), ``auc`` pooled and by family, of videos by
        the mean of their logits, with intervals.
    """
    rows = []
    for name in names:
        changed = dataclasses.replace(VARIANTS[name](recipe), unseen_family="")  # no table shows it
        folder = runs / f"{name.replace(' ', '-')}-{recipe_digest(changed)}"
        started = time.monotonic()
        clips, extras = material_for(changed)
        table = folder / f"row-{_comparable(clips, folds, fold_count)}.json"
        if not table.exists():
            held = hold_out(clips, changed, extras, fold_count=fold_count, runs=folder, only=folds, progress=progress)
            seconds, seed = round(time.monotonic() - started), changed.seed
            row = {"name": name, "seed": seed, "seconds": seconds, **judge(held)}
            table.write_text(json.dumps(row, indent=2))
        rows.append(json.loads(table.read_text()))
    return rows


def _comparable(clips: Sequence[Faces], folds: Sequence[int], fold_count: int) -> str:
    """A name for what rows of one table have in common: which clips are judged, and by which others."""
    numbers = "-".join(str(fold + 1) for fold in sorted(folds))
    return f"{digest_of(clip for clip, _ in clips)}-{numbers}-of-{fold_count}"


def judge(held: Sequence[HeldOut]) -> dict[str, Any]:
    """Video AUC of held-out clips, pooled and of each family against all reals."""
    scored = [item for item in held if len(item.logits)]
    families = sorted({item.clip.family for item in scored} - {"real"})
    return {
        "auc": _auc(scored),
        **{name: _auc([item for item in scored if item.clip.family in ("real", name)]) for name in families},
    }


def _auc(items: Sequence[HeldOut]) -> dict[str, float] | None:
    data = Scored.of(
        [item.clip.is_fake for item in items],
        [float(np.mean(item.logits)) for item in items],
        [item.clip.source for item in items],
    )
    found = estimates({"auc": metrics.auc}, data, np.random.default_rng(0))["auc"]
    return None if found is None else found.to_dict()


def as_markdown(rows: Sequence[Mapping[str, Any]]) -> str:
    """The rows as a table, with the change against the first one."""
    families = [name for name in rows[0] if name not in {"name", "seed", "seconds", "auc"}]
    lines = [
        "| variant | seed | minutes | pooled (95 %) | change | " + " | ".join(families) + " |",
        "|---" * (5 + len(families)) + "|",
    ]
    for row in rows:
        pooled = row["auc"]
        cells = [
            row["name"],
            str(row["seed"]),
            f"{row['seconds'] / 60:.0f}",
            f"{pooled['value']:.3f} ({pooled['low']:.3f} to {pooled['high']:.3f})",
            f"{pooled['value'] - rows[0]['auc']['value']:+.3f}",
            *(f"{row[name]['value']:.3f}" for name in families),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"
