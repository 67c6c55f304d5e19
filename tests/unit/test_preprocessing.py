from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes import make_manifest

from dfd.manifest import InputContract, Layout
from dfd.preprocessing import to_model_input
from dfd.types import ImageU8

ONE = replace(make_manifest().input, size_px=16)
PAIR = replace(ONE, frames=2)
CONTRACTS = pytest.mark.parametrize("contract", [ONE, PAIR], ids=["one", "pair"])


def crops(contract: InputContract, count: int) -> list[ImageU8]:
    shape = (count, contract.size_px, contract.size_px, 3 * contract.frames)
    return list(np.random.default_rng(count).integers(0, 256, shape, dtype=np.uint8))


@CONTRACTS
@pytest.mark.parametrize("count", [0, 1, 3])
def test_crops_become_one_tensor(contract: InputContract, count: int) -> None:
    batch = to_model_input(crops(contract, count), contract)

    assert batch.shape == (count, 16, 16, 3 * contract.frames)
    assert batch.dtype == np.float32
    assert batch.flags.c_contiguous


@CONTRACTS
def test_channels_first_is_the_same_turned(contract: InputContract) -> None:
    turned = to_model_input(crops(contract, 2), replace(contract, layout=Layout.NCHW))

    assert turned.shape == (2, 3 * contract.frames, 16, 16)
    assert turned.flags.c_contiguous
    assert np.array_equal(turned.transpose(0, 2, 3, 1), to_model_input(crops(contract, 2), contract))


@given(st.floats(-5, 0, width=32), st.floats(0.5, 5, width=32))
def test_black_and_white_reach_the_ends_of_the_range(value_min: float, value_max: float) -> None:
    contract = replace(PAIR, value_min=value_min, value_max=value_max)
    black, white = (np.full((16, 16, 6), level, np.uint8) for level in (0, 255))

    batch = to_model_input([black, white], contract)

    assert np.all(batch[0] == np.float32(value_min))
    assert batch[1] == pytest.approx(value_max, abs=1e-5)


def test_a_pair_is_its_two_pictures() -> None:
    pair = crops(PAIR, 1)[0]

    batch = to_model_input([pair], PAIR)

    assert np.array_equal(batch[..., :3], to_model_input([pair[..., :3]], ONE))
    assert np.array_equal(batch[..., 3:], to_model_input([pair[..., 3:]], ONE))


@pytest.mark.parametrize(("contract", "other"), [(ONE, PAIR), (PAIR, ONE)], ids=["one", "pair"])
def test_a_crop_of_the_wrong_number_of_frames_is_refused(contract: InputContract, other: InputContract) -> None:
    with pytest.raises(ValueError, match=r"a crop must be \(16, 16"):
        to_model_input(crops(other, 1), contract)


def test_a_crop_of_floats_is_refused() -> None:
    with pytest.raises(ValueError, match="uint8"):
        to_model_input([np.zeros((16, 16, 3), np.float32)], ONE)
