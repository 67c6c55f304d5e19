"""From high dynamic range to the standard range the models were trained on.

Sources: SMPTE ST 2084 (PQ), ITU-R BT.2100 (HLG and its OOTF), BT.2408 (reference white at 203 cd/m2), BT.2087 (BT.2020
to BT.709 primaries), BT.1886 (display gamma 2.4). The curve that brings highlights into range is the Moebius one:
linear, hence true to skin tones, up to a knee, then smooth up to the peak.
"""

from functools import cache

import numpy as np
import numpy.typing as npt

from dfd.types import FloatArray, ImageU8

TRANSFER_PQ = 16
TRANSFER_HLG = 18
"""FFmpeg's AVColorTransferCharacteristic of the two HDR curves (ITU-T H.273, table 3)."""

REFERENCE_WHITE_CD_M2 = 203.0
PEAK_CD_M2 = 1000.0
"""Brightest level kept apart from white; nearly all HDR video is graded for 1000 cd/m2."""

_KNEE = 0.5
_DISPLAY_GAMMA = 2.4
_CODES = 1 << 16
_BT2020_LUMINANCE = np.array([0.2627, 0.6780, 0.0593], dtype=np.float32)
_BT2020_TO_BT709 = np.array(
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]], dtype=np.float32
)


def tone_map(image: npt.NDArray[np.uint16], transfer: int) -> ImageU8 | None:
    """Bring an HDR picture into the standard range.

    Ordinary video is sometimes tagged as HDR by mistake. It then seems brighter on average than reference white, which
    no graded picture is, and would come out glaring; such a picture is refused.

    Args:
        image: ``(H, W, 3) uint16`` R'G'B' with BT.2020 primaries, full range.
        transfer: `TRANSFER_PQ` or `TRANSFER_HLG`.

    Returns:
        ``(H, W, 3) uint8`` R'G'B' with BT.709 primaries for a display of gamma 2.4; None where the tag must be wrong.
    """
    light = _to_light(transfer)[image]
    luminance = light @ _BT2020_LUMINANCE
    if transfer == TRANSFER_HLG:
        gain = (PEAK_CD_M2 / REFERENCE_WHITE_CD_M2) * np.maximum(luminance, 1e-6) ** np.float32(0.2)
        light *= gain[..., None]
        luminance *= gain
    if luminance.mean() > 1:
        return None
    light = np.maximum(light @ _BT2020_TO_BT709.T, 0)
    brightest = light.max(axis=2, keepdims=True)
    light *= _moebius(brightest) / np.maximum(brightest, 1e-6)
    code: FloatArray = np.clip(light, 0, 1) ** np.float32(1 / _DISPLAY_GAMMA)
    return (code * 255 + np.float32(0.5)).astype(np.uint8)


def _moebius(light: FloatArray) -> FloatArray:
    """Linear up to the knee, then along a Moebius curve of slope 1 at the knee that takes the peak to 1."""
    peak = np.float32(PEAK_CD_M2 / REFERENCE_WHITE_CD_M2)
    knee = np.float32(_KNEE)
    a = -(knee**2) * (peak - 1) / (knee**2 - 2 * knee + peak)
    b = (knee**2 - 2 * knee * peak + peak) / (peak - 1)
    curved = (b**2 + 2 * b * knee + knee**2) / (b - a) * (light + a) / (light + b)
    return np.where(light <= knee, light, np.minimum(curved, 1)).astype(np.float32)


@cache
def _to_light(transfer: int) -> FloatArray:
    """Linear light for every 16-bit code: display light over reference white for PQ, scene light for HLG."""
    code = np.arange(_CODES, dtype=np.float64) / (_CODES - 1)
    if transfer == TRANSFER_PQ:
        power = code ** (32 / 2523)
        cd_m2 = 10000 * (np.maximum(power - 3424 / 4096, 0) / (2413 / 128 - 2392 / 128 * power)) ** (8192 / 1305)
        return (cd_m2 / REFERENCE_WHITE_CD_M2).astype(np.float32)
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    return np.where(code <= 0.5, code**2 / 3, (np.exp((code - c) / a) + b) / 12).astype(np.float32)
