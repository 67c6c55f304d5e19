"""Rows of the table of what parts of a recipe are worth: none stands for other folds or clips than it was made of."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.train.test_training import QUICK, make_clip

from dfd.errors import ConfigurationError
from dfd_train.ablation import ablate, as_markdown
from dfd_train.made_fakes import NO_EXTRAS, Faces


def clip(number: int) -> Faces:
    """Of its own source and person; every other one is fake."""
    made, crops = make_clip(number, is_fake=number % 2 == 0, source=f"s{number}", contract=QUICK.contract)
    return replace(made, persons=(f"p{number}",)), crops


def rows(runs: Path, clips: Sequence[Faces], folds: Sequence[int]) -> list[dict[str, Any]]:
    return ablate(
        ["as it is"],
        QUICK,
        lambda _recipe: (clips, NO_EXTRAS),
        folds,
        fold_count=2,
        runs=runs,
        progress=False,
    )


def test_rows_are_kept_apart_by_the_folds_that_are_judged(tmp_path: Path) -> None:
    clips = [clip(number) for number in range(8)]
    (one,) = rows(tmp_path, clips, [0])
    (both,) = rows(tmp_path, clips, [0, 1])
    assert one["auc"] != both["auc"]
    assert rows(tmp_path, clips, [0]) == [one]
    assert rows(tmp_path, clips, [1, 0]) == [both]
    assert as_markdown([both]).count("| as it is | 1 |") == 1


def test_rows_of_other_clips_are_not_taken_for_these(tmp_path: Path) -> None:
    clips = [clip(number) for number in range(8)]
    rows(tmp_path, clips, [0, 1])
    with pytest.raises(ConfigurationError, match="other clips"):
        rows(tmp_path, [*clips, clip(8)], [0, 1])
