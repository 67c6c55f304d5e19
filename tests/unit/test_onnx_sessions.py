"""Where networks are computed, and what is said where that cannot be."""

from pathlib import Path

import numpy as np
import pytest
from tests.fakes import make_manifest
from tests.onnx_models import write_mean_model

from dfd import onnx_sessions
from dfd.device import Device
from dfd.errors import ConfigurationError
from dfd.onnx_sessions import device_of, missing_for_cuda, open_session

LACKING = missing_for_cuda()


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    return write_mean_model(tmp_path / "model.onnx", make_manifest())


def test_a_session_is_on_the_cpu_unless_told_otherwise(weights: Path) -> None:
    assert device_of(open_session(weights, 1)) is Device.CPU


@pytest.mark.skipif(not LACKING, reason="a CUDA card can be used here")
class TestWithoutCuda:
    def test_auto_takes_the_cpu(self, weights: Path) -> None:
        assert device_of(open_session(weights, 1, Device.AUTO)) is Device.CPU

    def test_cuda_is_refused_and_the_setting_named(self, weights: Path) -> None:
        with pytest.raises(ConfigurationError, match="DEVICE is cuda, but ") as caught:
            open_session(weights, 1, Device.CUDA)
        assert LACKING in str(caught.value)

    # ONNX Runtime takes the CPU by itself where CUDA does not start. Its warning is that of a build without CUDA.
    @pytest.mark.filterwarnings("ignore:Specified provider 'CUDAExecutionProvider':UserWarning")
    def test_a_card_that_does_not_start_is_told_of(
        self, weights: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setattr(onnx_sessions, "missing_for_cuda", str)
        assert device_of(open_session(weights, 1, Device.AUTO)) is Device.CPU
        assert "though there is a graphics card" in caplog.text
        with pytest.raises(ConfigurationError, match="CUDA does not start"):
            open_session(weights, 1, Device.CUDA)


@pytest.mark.skipif(bool(LACKING), reason=LACKING)
def test_a_card_answers_as_the_cpu_does() -> None:
    weights = Path(__file__).parents[2] / "models" / "deepfake" / "2" / "model.onnx"
    on_card, on_cpu = open_session(weights, 1, Device.CUDA), open_session(weights, 1)
    assert device_of(on_card) is Device.CUDA
    [crops_in] = on_cpu.get_inputs()
    for count in (1, 3, 32):
        crops = np.random.default_rng(count).random((count, *crops_in.shape[1:]), np.float32)
        its_answer, expected = (session.run(None, {crops_in.name: crops})[0] for session in (on_card, on_cpu))
        np.testing.assert_allclose(its_answer, expected, atol=1e-4)
