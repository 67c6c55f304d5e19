"""Where on a face the evidence lies: a map of estimated Shapley values of the cells of grids.

Lundberg and Lee, "A Unified Approach to Interpreting Model Predictions", NeurIPS 2017 (Kernel SHAP): subsets of the
cells are shown, their sizes drawn with the weights of the Shapley kernel, each with its complement, and a linear
regression of the logits on the cells that were shown estimates what each cell adds. That is done on a coarse grid and
on a fine one, and the two densities are added: the coarse one is precise, the fine one says where. Cells run into each
other, so the map has no more detail than the grids have. Compared with others in docs/decisions/0013.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, Self

import cv2
import numpy as np
import numpy.typing as npt

from dfd.explanation.curtain import BLUR_SHARE, Curtain, Score
from dfd.types import FloatArray

METHOD: Final = "kernel_shap_grids"

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class HeatConfig:
    """What a map costs and how fine it is.

    Attributes:
        calls: crops that the model scores for one map, shared evenly by the grids.
        grids: cells along the side of each grid.
        ridge: added to the diagonal of the regression: it keeps cells that were rarely told apart near 0.
        seed: of the subsets, which are the same for all faces.
        blur_share: see `dfd.explanation.curtain.BLUR_SHARE`.
    """

    calls: int = 300
    grids: tuple[int, ...] = (5, 8)
    ridge: float = 1.0
    seed: int = 0
    blur_share: float = BLUR_SHARE

    def __post_init__(self) -> None:
        if not self.grids or min(self.grids) < 2 or max(self.grids) > 32:
            raise ValueError(f"a map needs grids of 2 to 32 cells a side, got {self.grids}")
        if not 4 * len(self.grids) <= self.calls <= 10_000:
            raise ValueError(f"a map takes from 4 calls for each grid to 10000, got {self.calls}")
        if self.ridge <= 0 or self.seed < 0 or not 0 < self.blur_share <= 1:
            raise ValueError(f"ridge and blur must be positive, the seed not negative: {self}")

    def to_dict(self) -> dict[str, Any]:
        """For the manifest."""
        return {**asdict(self), "grids": list(self.grids)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The reverse of `to_dict`; raises TypeError or ValueError where it is none."""
        return cls(**{**data, "grids": tuple(data["grids"])})


class HeatMapper:
    """Makes maps of crops of one size. Safe to use from several threads."""

    def __init__(self, size_px: int, config: HeatConfig = HeatConfig()) -> None:
        """Draw the subsets.

        Args:
            size_px: side of the crops, S.
            config: cost and fineness.
        """
        rng = np.random.default_rng(config.seed)
        share = config.calls // len(config.grids) // 2 * 2
        self._size_px = size_px
        self._grids = [_Grid(cells, share, config.ridge, rng) for cells in config.grids]

    def heat(self, curtain: Curtain, score: Score, batch: int = 32) -> FloatArray:
        """The map of one crop.

        Args:
            curtain: the crop.
            score: the model.
            batch: most crops that are scored in one call.

        Returns:
            ``(S, S) float32`` in [-1, 1]: evidence for *fake* above 0, for *real* below, in shares of the strongest
            place; all 0 where nothing that is hidden changes the answer.

        Raises:
            BackendUnavailable: the model does not answer.
        """
        total = np.zeros((self._size_px, self._size_px), np.float64)
        for grid in self._grids:
            logits = curtain.scored(grid.masks(self._size_px, batch), score).astype(np.float64)
            total += grid.density(logits, self._size_px)
        peak = float(np.abs(total).max())
        return np.asarray(total / peak if peak > 0 else total, dtype=np.float32)


class _Grid:
    """Subsets of the cells of one grid, and what regression makes of their logits."""

    def __init__(self, cells: int, count: int, ridge: float, rng: np.random.Generator) -> None:
        players = cells * cells
        sizes = np.arange(1, players)
        kernel = 1 / (sizes * (players - sizes))
        drawn = rng.choice(sizes, size=count // 2, p=kernel / kernel.sum())
        shown = np.zeros((count, players), np.float32)
        for pair, size in enumerate(drawn):
            shown[2 * pair, rng.permutation(players)[:size]] = 1
            shown[2 * pair + 1] = 1 - shown[2 * pair]
        self._cells = cells
        self._shown = shown.reshape(count, cells, cells)
        centred = shown.astype(np.float64) - shown.mean(axis=0)
        # Solved once: the subsets are the same for every crop.
        self._solution: Array = np.linalg.solve(centred.T @ centred + ridge * np.eye(players), centred.T)

    def masks(self, size_px: int, batch: int) -> Iterator[FloatArray]:
        """The subsets as masks with soft edges, in batches of ``(n, S, S) float32``."""
        for start in range(0, len(self._shown), batch):
            yield np.stack([_enlarged(cells, size_px) for cells in self._shown[start : start + batch]])

    def density(self, logits: Array, size_px: int) -> Array:
        """What each place adds, in logits for the area of the crop, ``(S, S)``."""
        values = self._solution @ (logits - logits.mean())
        cells = values.reshape(self._cells, self._cells) * self._cells**2
        return np.asarray(cv2.resize(cells, (size_px, size_px), interpolation=cv2.INTER_CUBIC), np.float64)


def _enlarged(cells: FloatArray, size_px: int) -> FloatArray:
    return np.asarray(cv2.resize(cells, (size_px, size_px), interpolation=cv2.INTER_LINEAR), np.float32)
