"""What carries over to families and sources that were left out, and what more sources would bring.

The last layer of a version is fitted again and again to what its trunks find in clips, each time without some of these,
and ranks those. That is quick, as the trunks are asked once; and honest only where no trunk has seen a clip. Pairs of
photographs have no part in it.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort
from tqdm import tqdm

from dfd.errors import ConfigurationError
from dfd.manifest import ModelManifest
from dfd.preprocessing import to_model_input
from dfd.registry.directory import MANIFEST_NAME
from dfd.statistics import metrics
from dfd.types import FloatArray
from dfd_train.card.markdown import escaped, table
from dfd_train.datasets import Clip, DatasetError, require_both_classes
from dfd_train.head import regress
from dfd_train.made_fakes import Faces
from dfd_train.recipe import Recipe
from dfd_train.splits import folds, groups

Chosen = npt.NDArray[np.bool_]
"""Which clips, ``(N,) bool``."""

_PRODUCTS = {"MatMul", "Gemm"}
_SCALING = {"Add", "BatchNormalization", "Mul", "Sub"}
_SHARES = (0.25, 0.5, 0.75)
_TRIES = 1000
_LISTED_FROM = 3
"""Clips from which a source gets a row of its own."""
_BOTH_FROM = 2
"""Clips of each class from which a source counts within sources."""


def read_version(folder: Path, recipe: Recipe) -> tuple[ModelManifest, Recipe]:
    """A version's manifest, and the recipe with its contract, seed and strength of the regression.

    Raises:
        ConfigurationError: the version's trunks have seen clips, or nobody knows whether they have.
    """
    manifest = ModelManifest.read(folder / MANIFEST_NAME)
    facts = manifest.reference.get("recipe", {})
    if facts.get("epochs") != 0 or not facts.get("head_strength"):
        raise ConfigurationError(
            f"the trunks of {folder} were trained on clips, so they know those that would be left out: "
            "take a version of which only the last layer was fitted to clips"
        )
    return manifest, replace(recipe, contract=manifest.input, seed=facts["seed"], head_strength=facts["head_strength"])


@dataclass(frozen=True, slots=True)
class Material:
    """What there is to leave out.

    Attributes:
        clips: N clips.
        features: what the last layer sees of each, ``(N, D) float32``.
        recipe: of the regression.
        progress: whether to show bars.
    """

    clips: Sequence[Clip]
    features: FloatArray
    recipe: Recipe
    progress: bool = False

    @classmethod
    def of(cls, weights: Path, faces: Sequence[Faces], recipe: Recipe, *, progress: bool) -> "Material":
        """Ask a version's trunks.

        Args:
            weights: its ONNX file.
            faces: clips and their crops; those without a face are ignored.
            recipe: of the regression; its contract is the version's.
            progress: whether to show bars.
        """
        session = _before_last_layer(weights)
        entry = session.get_inputs()[0].name
        seen = [(clip, crops) for clip, crops in faces if crops.count]
        found = [
            session.run(None, {entry: to_model_input(list(crops.exact), recipe.contract)})[0].mean(axis=0)
            for _, crops in tqdm(seen, "clips", unit="clip", disable=not progress)
        ]
        return cls([clip for clip, _ in seen], np.stack(found).astype(np.float32), recipe, progress)

    @property
    def is_fake(self) -> Chosen:
        """Of each clip, ``(N,)``."""
        return np.array([clip.is_fake for clip in self.clips])

    def held_out(
        self, fold_of: Sequence[int], narrowed: Callable[[Chosen], Chosen] = lambda outside: outside
    ) -> FloatArray:
        """Logits of every clip by a regression that was not shown its fold.

        Args:
            fold_of: the fold of each clip.
            narrowed: of the clips outside a fold, those that may be shown.

        Raises:
            DatasetError: these are of one class.
        """
        numbers = np.array(fold_of)
        logits = np.empty(len(self.clips), np.float32)
        for fold in np.unique(numbers):
            shown = np.flatnonzero(narrowed(numbers != fold)).tolist()
            clips = [self.clips[index] for index in shown]
            require_both_classes(clips, "what is left to learn from")
            fit = regress(self.features[shown], clips, self.recipe)
            logits[numbers == fold] = fit.logits(self.features[numbers == fold])
        return logits


@dataclass(frozen=True, slots=True)
class Family:
    """How a family is told from all reals.

    Attributes:
        name: of the family.
        fakes: clips of it.
        left_out: AUC by regressions that were shown none of it.
        shown: AUC by those that were.
    """

    name: str
    fakes: int
    left_out: float
    shown: float


def by_family(material: Material, fold_count: int) -> list[Family]:
    """Leave out one family after the other; every clip is ranked by a regression that was not shown its fold either."""
    families = np.array([clip.family for clip in material.clips])
    fold_of = folds(material.clips, fold_count)
    shown = material.held_out(fold_of)

    def without(name: str) -> Family:
        of_it = material.is_fake & (families == name)
        left_out = material.held_out(fold_of, lambda outside: outside & ~of_it)
        answers = (_auc(material, logits, of_it | ~material.is_fake) for logits in (left_out, shown))
        return Family(name, int(of_it.sum()), *answers)

    names = [str(name) for name in np.unique(families[material.is_fake])]
    return [without(name) for name in tqdm(names, "families", unit="family", disable=not material.progress)]


@dataclass(frozen=True, slots=True)
class Source:
    """How the clips of a source rank; not a number where a class is missing.

    Attributes:
        name: of the source.
        real: clips of it.
        fake: clips of it.
        own: AUC of its fakes against its reals.
        fakes: of its fakes against all reals.
        reals: of its reals against all fakes.
    """

    name: str
    real: int
    fake: int
    own: float
    fakes: float
    reals: float


@dataclass(frozen=True, slots=True)
class Sources:
    """How clips rank by a regression that was shown nothing that shares a source or a person with them.

    Attributes:
        pooled: AUC of all clips.
        within: mean of the AUCs of sources with two clips of each class or more, by the smaller class.
        each: the largest first.
    """

    pooled: float
    within: float
    each: Sequence[Source]


def by_source(material: Material) -> Sources:
    """Leave out one group of sources after the other."""
    names = np.array([clip.source for clip in material.clips])
    fakes, logits = material.is_fake, material.held_out(groups(material.clips))

    def of(name: str) -> Source:
        real, fake = (names == name) & ~fakes, (names == name) & fakes
        answers = (_auc(material, logits, chosen) for chosen in (real | fake, fake | ~fakes, real | fakes))
        return Source(name, int(real.sum()), int(fake.sum()), *answers)

    each = sorted((of(str(name)) for name in np.unique(names)), key=lambda row: (-row.real - row.fake, row.name))
    both = [(row.own, min(row.real, row.fake)) for row in each if min(row.real, row.fake) >= _BOTH_FROM]
    own, weights = zip(*both, strict=True) if both else ([math.nan], [1])
    within = float(np.average(own, weights=weights))
    return Sources(_auc(material, logits, np.full_like(fakes, True)), within, each)


@dataclass(frozen=True, slots=True)
class Share:
    """What a part of the groups of sources teaches.

    Attributes:
        groups: that were shown, on average.
        clips: likewise.
        aucs: of all clips, a number for each draw of groups.
    """

    groups: float
    clips: float
    aucs: Sequence[float]


def by_share(material: Material, fold_count: int, draws: int) -> list[Share]:
    """Show a quarter, a half, three quarters of the groups outside a fold, drawn at random, and all of them.

    Raises:
        DatasetError: so few groups hold both classes that none of many draws did.
    """
    group_of, fold_of = np.array(groups(material.clips)), folds(material.clips, fold_count)

    def drawn(share: float, count: int) -> Share:
        shown: list[Chosen] = []
        aucs = []
        for draw in tqdm(range(count), f"{share:.0%}", unit="draw", disable=not material.progress):
            rng = np.random.default_rng([material.recipe.seed, draw])

            def some(outside: Chosen, rng: np.random.Generator = rng) -> Chosen:
                shown.append(_some_groups(material, group_of, outside, share, rng))
                return shown[-1]

            aucs.append(_auc(material, material.held_out(fold_of, some), np.full_like(material.is_fake, True)))
        numbers = [(len(np.unique(group_of[chosen])), int(chosen.sum())) for chosen in shown]
        group_count, clip_count = np.mean(numbers, axis=0)
        return Share(float(group_count), float(clip_count), aucs)

    return [*(drawn(share, draws) for share in _SHARES), drawn(1.0, 1)]


def as_markdown(families: Sequence[Family], sources: Sources, shares: Sequence[Share]) -> str:
    """The three as tables; sources of one or two clips have no row."""
    of_families = [[row.name, str(row.fakes), _three(row.left_out), _three(row.shown)] for row in families]
    of_sources = [
        [escaped(row.name), str(row.real), str(row.fake), _three(row.own), _three(row.fakes), _three(row.reals)]
        for row in sources.each
        if row.real + row.fake >= _LISTED_FROM
    ]
    of_shares = [
        [f"{row.groups:.0f}", f"{row.clips:.0f}", _three(float(np.mean(row.aucs)))]
        + ([_three(min(row.aucs)), _three(max(row.aucs))] if len(row.aucs) > 1 else ["", ""])
        for row in shares
    ]
    within = _three(sources.within) or "not defined"
    sections = (
        table(["family left out", "fakes", "AUC", "AUC where it is shown"], of_families, (1, 2, 3)),
        f"A source left out: pooled {_three(sources.pooled)}, within sources {within}.",
        table(
            ["source", "real", "fake", "own", "its fakes, all reals", "its reals, all fakes"], of_sources, range(1, 6)
        ),
        table(["groups shown", "clips", "AUC, mean", "lowest", "highest"], of_shares, range(5)),
    )
    return "\n\n".join(sections)


def _before_last_layer(weights: Path) -> ort.InferenceSession:
    """A session that answers with what the last layer of an exported version sees, before it is scaled, ``(N, D)``."""
    model = onnx.load(weights)
    made_by = {name: node for node in model.graph.node for name in node.output}
    name = model.graph.output[0].name
    while made_by[name].op_type not in _PRODUCTS:
        name = made_by[name].input[0]
    name = made_by[name].input[0]
    while made_by[name].op_type in _SCALING:
        name = made_by[name].input[0]
    del model.graph.output[:]
    model.graph.output.append(onnx.helper.make_empty_tensor_value_info(name))
    return ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])


def _some_groups(
    material: Material, group_of: npt.NDArray[np.int64], outside: Chosen, share: float, rng: np.random.Generator
) -> Chosen:
    """Clips of some of the groups outside, both classes among them.

    Raises:
        DatasetError: so few groups hold both classes that none of many draws did.
    """
    there = np.unique(group_of[outside])
    for _ in range(_TRIES):
        kept = rng.choice(there, max(1, round(share * len(there))), replace=False)
        chosen: Chosen = outside & np.isin(group_of, kept)
        if len(np.unique(material.is_fake[chosen])) > 1:
            return chosen
    raise DatasetError(f"{share:.0%} of {len(there)} groups hold but one class: there are too few to draw from")


def _auc(material: Material, logits: FloatArray, chosen: Chosen) -> float:
    """Of some clips; not a number where a class is missing."""
    return metrics.auc(material.is_fake[chosen], logits[chosen].astype(np.float64))


def _three(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.3f}"
