"""Maps and evidence by region of models whose evidence is known."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.explained import LANDMARKS, REGIONS, SIDE_PX, PartModel, mouth_model, texture
from tests.fakes import make_manifest

from dfd.explanation.curtain import Curtain
from dfd.explanation.heat import HeatConfig, HeatMapper
from dfd.explanation.regions import Region, regions_of
from dfd.explanation.shapley import REGION_CALLS, region_evidence
from dfd.manifest import InputContract, Layout
from dfd.types import FloatArray

CONTRACT = make_manifest().input
CONFIG = HeatConfig(calls=200)
MAPPER = HeatMapper(SIDE_PX, CONFIG)
MOUTH = REGIONS[Region.MOUTH]


def curtain(contract: InputContract = CONTRACT, seed: int = 0) -> Curtain:
    return Curtain(texture(seed, contract.frames), contract)


def test_a_shown_crop_is_itself_and_a_hidden_one_is_blurred() -> None:
    one = curtain()
    whole, hidden = one.shown(np.stack([np.ones((SIDE_PX, SIDE_PX)), np.zeros((SIDE_PX, SIDE_PX))]).astype("f"))
    assert np.array_equal(np.round(whole * 255), texture())
    assert hidden.std() < 0.1 < whole.std()
    assert abs(hidden.mean() - whole.mean()) < 0.02


@pytest.mark.parametrize("layout", list(Layout))
def test_both_frames_are_hidden_alike(layout: Layout) -> None:
    contract = replace(CONTRACT, frames=2, layout=layout)
    same = texture()
    one = Curtain(np.concatenate([same, same], axis=2), contract)
    (shown,) = one.shown(np.linspace(0, 1, SIDE_PX**2, dtype=np.float32).reshape(1, SIDE_PX, SIDE_PX))
    picture = shown.transpose(1, 2, 0) if layout is Layout.NCHW else shown
    assert picture.shape == (SIDE_PX, SIDE_PX, 6)
    assert np.array_equal(picture[..., :3], picture[..., 3:])


@pytest.mark.parametrize("region", [Region.MOUTH, Region.EYES, Region.BACKGROUND])
def test_a_map_lies_where_the_model_looks(region: Region) -> None:
    heat = MAPPER.heat(curtain(), PartModel(REGIONS[region]))
    assert heat.shape == (SIDE_PX, SIDE_PX)
    assert heat.dtype == np.float32
    assert np.abs(heat).max() == pytest.approx(1.0)
    assert heat[REGIONS[region]].mean() > 0.3
    assert abs(float(heat[~REGIONS[region]].mean())) < heat[REGIONS[region]].mean() / 3


def test_what_speaks_for_real_is_below_zero() -> None:
    assert np.array_equal(MAPPER.heat(curtain(), mouth_model(-8.0)), -MAPPER.heat(curtain(), mouth_model()))


def test_a_model_that_looks_at_nothing_has_a_flat_map() -> None:
    assert not MAPPER.heat(curtain(), lambda batch: np.full(len(batch), 3.0, np.float32)).any()


@pytest.mark.parametrize("batch", [1, 7, 200])
def test_a_map_depends_on_neither_batches_nor_layout_nor_chance(batch: int) -> None:
    expected = MAPPER.heat(curtain(), mouth_model())
    contract = replace(CONTRACT, layout=Layout.NCHW)
    again = HeatMapper(SIDE_PX, CONFIG).heat(curtain(contract), mouth_model(contract=contract), batch)
    assert np.allclose(again, expected, atol=1e-4)


@pytest.mark.parametrize("calls", [40, 201, 300])
def test_a_map_costs_what_was_allowed(calls: int) -> None:
    model = mouth_model()
    HeatMapper(SIDE_PX, HeatConfig(calls=calls)).heat(curtain(), model)
    assert calls - 4 < model.calls <= calls


@pytest.mark.parametrize(
    "changes", [{"calls": 7}, {"calls": 10_001}, {"grids": ()}, {"grids": (1,)}, {"ridge": 0.0}, {"blur_share": 0.0}]
)
def test_a_map_that_cannot_be_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"map|ridge"):
        replace(CONFIG, **changes)


def test_the_parameters_of_a_map_survive_the_manifest() -> None:
    assert HeatConfig.from_dict(CONFIG.to_dict()) == CONFIG


@pytest.mark.parametrize("region", list(Region))
def test_evidence_lies_in_the_region_that_the_model_looks_at(region: Region) -> None:
    model = PartModel(REGIONS[region])
    evidence = region_evidence(curtain(), REGIONS, model)
    assert model.calls == REGION_CALLS
    assert max(evidence, key=lambda one: evidence[one]) is region
    assert evidence[region] > 0.75 * sum(evidence.values())


@given(
    st.lists(st.floats(-3, 3, width=32), min_size=6, max_size=6),
    st.lists(st.floats(-3, 3, width=32), min_size=6, max_size=6),
)
@settings(max_examples=20, deadline=None)
def test_evidence_adds_up_to_the_whole_answer(gains: list[float], crossed: list[float]) -> None:
    models = [PartModel(REGIONS[region], gain) for region, gain in zip(Region, gains, strict=True)]

    def score(batch: FloatArray) -> FloatArray:
        parts = np.stack([model(batch) for model in models])
        return np.asarray(parts.sum(axis=0) + crossed[0] * parts[0] * parts[3] + crossed[1], np.float32)

    one = curtain()
    whole, hidden = score(one.shown(np.stack([np.ones((SIDE_PX, SIDE_PX)), np.zeros((SIDE_PX, SIDE_PX))]).astype("f")))
    assert sum(region_evidence(one, REGIONS, score).values()) == pytest.approx(float(whole - hidden), abs=1e-4)


points = st.tuples(st.floats(-100, 200), st.floats(-100, 200))


@given(st.lists(points, min_size=6, max_size=6), st.integers(16, 80))
@settings(max_examples=60, deadline=None)
def test_every_pixel_belongs_to_one_region(places: list[tuple[float, float]], size_px: int) -> None:
    regions = regions_of(np.array(places, np.float32), size_px)
    assert list(regions) == list(Region)
    assert (np.sum(list(regions.values()), axis=0) == 1).all()


@given(st.floats(0.5, 2.0), st.floats(-20, 20), st.floats(-20, 20))
@settings(max_examples=30, deadline=None)
def test_regions_move_and_grow_with_the_face(scale: float, right: float, down: float) -> None:
    moved = LANDMARKS * np.float32(scale) + np.array([right, down], np.float32)
    regions = regions_of(moved, 200)
    for region, name in ((Region.EYES, 0), (Region.EYES, 1), (Region.NOSE, 2), (Region.MOUTH, 3)):
        x, y = moved[name]
        if 0 <= x < 200 and 0 <= y < 200:
            assert regions[region][int(y), int(x)]


def test_the_regions_of_a_face_are_where_they_should_be() -> None:
    assert REGIONS[Region.EYES][24, 22]
    assert REGIONS[Region.EYES][24, 42]
    assert REGIONS[Region.NOSE][33, 32]
    assert REGIONS[Region.MOUTH][44, 32]
    assert REGIONS[Region.SKIN][36, 22]  # a cheek
    assert REGIONS[Region.BORDER][34, 12]
    assert REGIONS[Region.BACKGROUND][1, 1]
    assert REGIONS[Region.BACKGROUND][62, 2]


def test_a_face_turned_upside_down_has_its_regions_upside_down() -> None:
    turned = regions_of(SIDE_PX - LANDMARKS, SIDE_PX)
    for region in Region:
        assert np.array_equal(turned[region], REGIONS[region][::-1, ::-1])
