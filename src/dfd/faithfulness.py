"""Whether a model's explanations say what the model does: figures that the manifest keeps, and the rule they must pass.

`dfd.evaluation.explanations` measures them. A map that looks right to people may have nothing to do with the model
(Adebayo et al., "Sanity Checks for Saliency Maps", NeurIPS 2018), so nothing is shown whose figures fail.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

MOST_LIKE_RANDOM_WEIGHTS = 0.5
"""Rank correlation with the map of a model of random weights from which a map does not depend on what was learned."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float

    def __post_init__(self) -> None:
        if not all(map(math.isfinite, (self.value, self.low, self.high))) or self.low > self.high:
            raise ValueError(f"a figure needs finite numbers in order, got {self}")


@dataclass(frozen=True, slots=True)
class Faithfulness:
    """How one way of explaining was judged.

    Deletion hides the picture from the place that speaks most for the model's answer to the one that speaks most
    against it, insertion shows it in that order; the area under the probability of that answer is small for a faithful
    order of deletion and large for one of insertion (Petsiuk et al., "RISE", BMVC 2018).

    Attributes:
        deletion: area under the deletion curve, in [0, 1].
        insertion: area under the insertion curve, in [0, 1].
        beyond: differences of both from those of orders that know nothing of the model, by name of the order:
            ``random`` always, ``centre`` (a Gaussian in the middle of the crop) for maps.
        sanity: mean rank correlation with what the same method says of a model whose weights were shuffled, by what was
            shuffled (``last_layer``, ``all_layers``).
    """

    deletion: Figure
    insertion: Figure
    beyond: Mapping[str, tuple[Figure, Figure]]
    sanity: Mapping[str, Figure]

    def __post_init__(self) -> None:
        if "random" not in self.beyond or not self.sanity:
            raise ValueError("faithfulness is judged beside a random order and random weights")

    @property
    def failures(self) -> tuple[str, ...]:
        """What the figures do not show, in words; empty where they pass."""
        lacking = []
        for name, (deletion, insertion) in sorted(self.beyond.items()):
            if deletion.high >= 0:
                lacking.append(f"deletion is not shown to be better than in a {name} order")
            if insertion.low <= 0:
                lacking.append(f"insertion is not shown to be better than in a {name} order")
        for name, likeness in sorted(self.sanity.items()):
            if likeness.high >= MOST_LIKE_RANDOM_WEIGHTS:
                lacking.append(f"it is not shown to change when the weights are random ({name})")
        return tuple(lacking)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Build from the parsed JSON; raises KeyError, TypeError or ValueError when it is none."""
        fields = dict(data)
        return cls(
            deletion=Figure(**fields.pop("deletion")),
            insertion=Figure(**fields.pop("insertion")),
            beyond={name: (Figure(**pair[0]), Figure(**pair[1])) for name, pair in dict(fields.pop("beyond")).items()},
            sanity={name: Figure(**figure) for name, figure in dict(fields.pop("sanity")).items()},
            **fields,
        )


@dataclass(frozen=True, slots=True)
class ExplanationRecord:
    """What a manifest says of explanations of its model.

    Attributes:
        method: how maps are made (`dfd.explanation.heat.METHOD`).
        parameters: of the method, as measured.
        weights_sha256: of the weights that were explained; figures hold for no others.
        faces: that were explained, each of a video of its own.
        clusters: people or sources that the videos come from; intervals are drawn by these.
        maps: figures of heat maps.
        regions: figures of the evidence by region.
        passed: what the rule said of each, ``maps`` and ``regions``; kept for readers, and checked.
    """

    method: str
    parameters: Mapping[str, Any]
    weights_sha256: str
    faces: int
    clusters: int
    maps: Faithfulness
    regions: Faithfulness
    passed: Mapping[str, bool] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.faces < 1 or self.clusters < 1:
            raise ValueError("explanations are judged on faces")
        told = {"maps": not self.maps.failures, "regions": not self.regions.failures}
        if self.passed and dict(self.passed) != told:
            raise ValueError(f"the figures of the explanation come to {told}, not {dict(self.passed)}")
        object.__setattr__(self, "passed", told)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Build from the parsed JSON; raises KeyError, TypeError or ValueError when it is none."""
        fields = dict(data)
        return cls(
            maps=Faithfulness.from_dict(fields.pop("maps")),
            regions=Faithfulness.from_dict(fields.pop("regions")),
            **fields,
        )
