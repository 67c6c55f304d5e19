"""Histograms and PSI: laws, and figures that were reckoned by hand."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from dfd.histograms import ReferenceHistogram, bin_of, counted, psi, psi_noise

counts = st.lists(st.integers(0, 10_000), min_size=2, max_size=20).filter(any)
finite = st.floats(-1e3, 1e3)


@st.composite
def pairs(draw: st.DrawFn) -> tuple[list[int], list[int]]:
    """Two histograms with the same bins."""
    size = draw(st.integers(2, 20))
    one = st.lists(st.integers(0, 10_000), min_size=size, max_size=size).filter(any)
    return draw(one), draw(one)


@given(pairs())
def test_psi_is_not_negative_and_does_not_care_which_is_which(pair: tuple[list[int], list[int]]) -> None:
    one, other = pair
    assert psi(one, other) >= 0
    assert psi(one, other) == pytest.approx(psi(other, one), rel=1e-9, abs=1e-12)


@given(counts, st.integers(1, 50))
def test_equal_shares_have_no_psi(one: list[int], times: int) -> None:
    assert psi(one, [times * count for count in one]) == pytest.approx(0, abs=1e-12)
    assert psi(one, one) == 0


@given(pairs(), st.randoms())
def test_the_order_of_bins_does_not_count(pair: tuple[list[int], list[int]], random: Any) -> None:
    one, other = pair
    order = list(range(len(one)))
    random.shuffle(order)
    assert psi([one[index] for index in order], [other[index] for index in order]) == psi(one, other)


def test_psi_by_hand() -> None:
    assert psi([50, 50], [80, 20]) == pytest.approx(-0.3 * math.log(0.5 / 0.8) + 0.3 * math.log(0.5 / 0.2))
    empty = 0.5 / 10  # half a video of the smaller sample
    assert psi([10, 0], [50, 50]) == pytest.approx(0.5 * math.log(2) + (empty - 0.5) * math.log(empty / 0.5))


@pytest.mark.parametrize(("one", "other"), [([1, 2], [1, 2, 3]), ([0, 0], [1, 1]), ([1, 1], [0, 0])])
def test_what_cannot_be_compared_is_refused(one: list[int], other: list[int]) -> None:
    with pytest.raises(ValueError, match="PSI compares"):
        psi(one, other)


@pytest.mark.parametrize(("sizes", "bins"), [((200, 600), 10), ((1000, 300), 5)])
def test_the_noise_is_what_samples_of_one_population_stay_below(sizes: tuple[int, int], bins: int) -> None:
    rng = np.random.default_rng(1)
    shares = np.full(bins, 1 / bins)
    noise = psi_noise(bins, *sizes)
    drawn = [psi(*(rng.multinomial(size, shares).tolist() for size in sizes)) for _ in range(2000)]
    assert 0.92 < np.mean(np.array(drawn) <= noise) < 0.98


@given(st.lists(finite, min_size=1, max_size=60), st.lists(finite, min_size=1, max_size=9, unique=True))
def test_each_value_is_in_one_bin(values: list[float], edges: list[float]) -> None:
    edges = sorted(edges)
    found = counted(np.array(values), edges)
    assert sum(found) == len(values)
    assert found == np.bincount([bin_of(value, edges) for value in values], minlength=len(edges) + 1).tolist()
    for value in values:
        number = bin_of(value, edges)
        assert (number == 0 or edges[number - 1] <= value) and (number == len(edges) or value < edges[number])


@given(st.lists(st.tuples(finite, st.booleans()), min_size=2, max_size=200), st.integers(2, 12))
def test_a_reference_holds_every_video_and_reads_back(videos: list[tuple[float, bool]], bins: int) -> None:
    values, fakes = zip(*videos, strict=True)
    assume(not all(fakes) and max(values) - min(values) > 1e-3)
    histogram = ReferenceHistogram.of(values, fakes, bins)
    assert sum(histogram.all_counts) == len(values)
    assert sum(histogram.real_counts) == len(values) - sum(fakes)
    assert len(histogram.all_counts) <= bins
    data = {"edges": list(histogram.edges), "all_counts": list(histogram.all_counts)}
    assert ReferenceHistogram.from_dict({**data, "real_counts": list(histogram.real_counts)}) == histogram


def test_bins_hold_equally_many_where_values_allow_it() -> None:
    histogram = ReferenceHistogram.of([float(number) for number in range(100)], [False] * 50 + [True] * 50)
    assert histogram.all_counts == (10,) * 10
    assert histogram.real_counts == (10,) * 5 + (0,) * 5
    assert len(ReferenceHistogram.of([0.0] * 90 + [1.0] * 10, [False] * 100).all_counts) == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"edges": (1.0, 1.0)},
        {"edges": (math.inf, 2.0)},
        {"edges": ()},
        {"all_counts": (1, 2)},
        {"real_counts": (2, 0, 0)},
        {"real_counts": (-1, 0, 0)},
        {"real_counts": (0, 0, 0)},
    ],
)
def test_what_is_no_reference_is_refused(changes: dict[str, Any]) -> None:
    fields: dict[str, Any] = {"edges": (0.0, 1.0), "all_counts": (1, 2, 3), "real_counts": (1, 0, 2)}
    assert ReferenceHistogram(**fields)
    with pytest.raises(ValueError, match=r"histogram|videos"):
        ReferenceHistogram(**(fields | changes))
