"""How often videos of a score were fake: counted, kept in the manifest, and looked up."""

from dataclasses import replace

import numpy as np
import pytest
from tests.fakes import make_manifest

from dfd.errors import ModelCorrupt
from dfd.evaluation.curves import told_reliability
from dfd.evaluation.figures import Judge
from dfd.manifest import ModelManifest
from dfd.reliability import Reliability, ReliabilityBin
from dfd.statistics.resampling import Scored

TWO = Reliability(
    (ReliabilityBin(0.0, 0.5, 30, 10, 0.25, 0.1, 0.4), ReliabilityBin(0.5, 1.0, 10, 30, 0.75, 0.6, 0.9)), "some clips"
)


def judge() -> Judge:
    return Judge(0.5, np.random.default_rng(1), rounds=50)


def test_the_bin_of_a_score_is_found_up_to_both_ends() -> None:
    assert [TWO.of(score).low for score in (0.0, 0.4999, 0.5, 1.0)] == [0.0, 0.0, 0.5, 0.5]


def test_a_manifest_keeps_it() -> None:
    manifest = replace(make_manifest(), reliability=TWO)

    assert ModelManifest.from_dict(manifest.to_dict()) == manifest
    assert "reliability" not in make_manifest().to_dict()


def test_a_manifest_with_gaps_between_bins_is_refused() -> None:
    data = replace(make_manifest(), reliability=TWO).to_dict()
    data["reliability"]["bins"][0]["high"] = 0.4

    with pytest.raises(ModelCorrupt, match="without gaps"):
        ModelManifest.from_dict(data)


def test_shares_take_both_classes_to_be_equally_frequent() -> None:
    """Scores that say nothing give one half everywhere, though three of four videos are fake."""
    rng = np.random.default_rng(2)
    scores = rng.random(4000)
    items = Scored.of([n % 4 > 0 for n in range(4000)], scores.tolist(), list(range(4000)))

    told = told_reliability(items, judge(), "made up")

    assert told is not None
    assert len(told.bins) == 8
    assert all(one.fake_share == pytest.approx(0.5, abs=0.08) for one in told.bins)
    assert sum(one.real_count + one.fake_count for one in told.bins) == 4000


@pytest.mark.parametrize(
    "scores", [(0.300032, 0.30007, 0.30025), (0.30007, 0.300071), (0.99991, 0.99996), (0.0, 0.00001, 0.00002, 1.0)]
)
def test_scores_closer_than_edges_are_rounded_share_a_bin(scores: tuple[float, ...]) -> None:
    items = Scored.of([True, False] * len(scores), sorted([*scores, *scores]), list(range(2 * len(scores))))

    told = told_reliability(items, judge(), "made up")

    assert told is not None
    assert all(one.real_count + one.fake_count for one in told.bins)
    assert sum(one.real_count + one.fake_count for one in told.bins) == 2 * len(scores)


def test_one_class_tells_nothing() -> None:
    assert told_reliability(Scored.of([True, True], [0.2, 0.8], [0, 1]), judge(), "made up") is None
