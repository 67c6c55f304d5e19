"""What kind of frame a packet holds, read from the first bytes of its bitstream, without decoding.

A container's own flags are not relied on where the bitstream says more: H.264 "key frames" of a container may need
what came before them (intra refresh), and few containers tell which frames nothing refers to.

Only what the standards guarantee is used, so that leaving frames out or starting in the middle changes no pixel:

- H.264 (ITU-T H.264, 7.4.1): ``nal_ref_idc`` 0 means that nothing is predicted from the picture. An IDR picture, or one
  with a recovery point SEI message of distance 0 and exact match (D.2.8), is a place to start.
- HEVC (ITU-T H.265, 7.4.2.2, table 7-1): an IRAP picture is a place to start; a sub-layer non-reference picture of the
  highest temporal sub-layer is referred to by nothing.
- VP8 (RFC 6386, 9.1) and VP9 (bitstream specification, 6.2): the frame header tells key frames, and frames not shown.
"""

from collections.abc import Callable, Iterator
from functools import partial

from dfd.sampling import FrameKind

PacketKind = FrameKind | None
"""Kind of the frame in a packet; None for a packet that shows no frame but may be needed to decode others."""

KindReader = Callable[[memoryview, bool], PacketKind]
"""From a packet's bytes and the container's key frame flag to the kind."""

FIELD_PROGRESSIVE = 1
"""FFmpeg's AV_FIELD_PROGRESSIVE: a packet holds a whole frame, never a single field."""

_HEAD_BYTES = 4096
_H264_SLICES = range(1, 6)
_H264_IDR = 5
_H264_SEI = 6
_SEI_RECOVERY_POINT = 6
_RECOVERY_FLAGS_MASK = 0b1110_0000
_RECOVERY_AT_ONCE = 0b1100_0000  # recovery_frame_cnt 0 (one bit), exact_match_flag 1, broken_link_flag 0

_HEVC_IRAP = range(16, 24)
_HEVC_SLICES = range(32)
_HEVC_LAST_SUBLAYER_NON_REFERENCE = 14


def kind_reader(codec: str, *, intra_only: bool, field_order: int, extradata: bytes | None) -> KindReader | None:
    """The reader for a stream, or None where packets cannot be relied on and every frame has to be decoded.

    Args:
        codec: FFmpeg's name of the codec.
        intra_only: whether every frame of the codec stands alone.
        field_order: FFmpeg's AVFieldOrder of the stream; two H.264 packets may make one frame unless it is progressive.
        extradata: the stream's codec configuration.
    """
    if intra_only:
        return lambda _data, _key: FrameKind.KEY
    if codec == "h264" and field_order == FIELD_PROGRESSIVE:
        return partial(_h264_kind, length_bytes=_avcc_length_bytes(extradata))
    if codec == "hevc":
        return partial(
            _hevc_kind, length_bytes=_hvcc_length_bytes(extradata), sublayers=_hvcc_temporal_layers(extradata)
        )
    return _READERS.get(codec)


def _h264_kind(data: memoryview, _key: bool, *, length_bytes: int) -> PacketKind:
    recovers = False
    for nal in _nal_units(data, length_bytes):
        nal_type = nal[0] & 0x1F
        if nal_type == _H264_SEI:
            recovers = recovers or _recovers_at_once(nal)
        elif nal_type in _H264_SLICES:
            if nal_type == _H264_IDR or recovers:
                return FrameKind.KEY
            return FrameKind.REFERENCE if nal[0] & 0x60 else FrameKind.OTHER
    return FrameKind.REFERENCE


def _recovers_at_once(sei: bytes) -> bool:
    """Whether an SEI unit holds a recovery point that is exact from its own picture on (H.264, 7.3.2.3.1)."""
    position = 1
    while position + 2 < len(sei):
        payload_type, position = _sei_number(sei, position)
        payload_size, position = _sei_number(sei, position)
        if payload_type == _SEI_RECOVERY_POINT and position < len(sei):
            return sei[position] & _RECOVERY_FLAGS_MASK == _RECOVERY_AT_ONCE
        position += payload_size
    return False


def _sei_number(sei: bytes, position: int) -> tuple[int, int]:
    """A payload type or size: bytes of 255 continue the number. Returns it and the position behind it."""
    number = 0
    while position < len(sei):
        number += sei[position]
        position += 1
        if sei[position - 1] != 0xFF:
            break
    return number, position


def _hevc_kind(data: memoryview, _key: bool, *, length_bytes: int, sublayers: int) -> PacketKind:
    for nal in _nal_units(data, length_bytes):
        nal_type = nal[0] >> 1 & 0x3F
        if nal_type in _HEVC_IRAP:
            return FrameKind.KEY
        if nal_type in _HEVC_SLICES:
            non_reference = nal_type <= _HEVC_LAST_SUBLAYER_NON_REFERENCE and nal_type % 2 == 0
            highest = len(nal) > 1 and nal[1] & 0x07 >= sublayers > 0  # the field holds the temporal id plus 1
            return FrameKind.OTHER if non_reference and highest else FrameKind.REFERENCE
    return FrameKind.REFERENCE


def _vp8_kind(data: memoryview, _key: bool) -> PacketKind:
    if not len(data) or not data[0] & 0x10:
        return None
    return FrameKind.REFERENCE if data[0] & 1 else FrameKind.KEY


def _vp9_kind(data: memoryview, _key: bool) -> PacketKind:
    if not len(data):
        return None
    bits = f"{data[0]:08b}"
    at = 5 if bits[2:4] == "11" else 4  # profile 3 has a reserved bit more
    shows_existing = bits[at] == "1"
    return FrameKind.KEY if not shows_existing and bits[at + 1] == "0" else FrameKind.REFERENCE


def _flagged_kind(_data: memoryview, key: bool) -> PacketKind:
    """For codecs whose key frames, as containers flag them, depend on nothing before."""
    return FrameKind.KEY if key else FrameKind.REFERENCE


_READERS: dict[str, KindReader] = {
    "vp8": _vp8_kind,
    "vp9": _vp9_kind,
    "av1": _flagged_kind,
    "mpeg1video": _flagged_kind,
    "mpeg2video": _flagged_kind,
    "mpeg4": _flagged_kind,
}


def _avcc_length_bytes(extradata: bytes | None) -> int:
    """Size of the length before every NAL unit; 0 where start codes part them (ISO/IEC 14496-15, 5.3.3)."""
    return (extradata[4] & 3) + 1 if extradata and len(extradata) > 6 and extradata[0] == 1 else 0


def _hvcc_length_bytes(extradata: bytes | None) -> int:
    """The same for HEVC (ISO/IEC 14496-15, 8.3.3)."""
    return (extradata[21] & 3) + 1 if extradata and len(extradata) > 22 and extradata[0] == 1 else 0


def _hvcc_temporal_layers(extradata: bytes | None) -> int:
    """Number of temporal sub-layers; 0 where it is not known, and then every frame counts as a reference."""
    return extradata[21] >> 3 & 7 if extradata and len(extradata) > 22 and extradata[0] == 1 else 0


def _nal_units(data: memoryview, length_bytes: int) -> Iterator[bytes]:
    """The first bytes of every non-empty NAL unit."""
    return _nal_units_by_length(data, length_bytes) if length_bytes else _nal_units_by_start_code(data)


def _nal_units_by_length(data: memoryview, length_bytes: int) -> Iterator[bytes]:
    position = 0
    while position + length_bytes < len(data):
        size = int.from_bytes(data[position : position + length_bytes], "big")
        position += length_bytes
        if size:
            yield bytes(data[position : position + min(size, _HEAD_BYTES)])
        position += size


def _nal_units_by_start_code(data: memoryview) -> Iterator[bytes]:
    head = bytes(data)
    position = head.find(b"\0\0\1")
    while position >= 0:
        following = head.find(b"\0\0\1", position + 3)
        end = following if following >= 0 else len(head)
        if end > position + 3:
            yield head[position + 3 : min(end, position + 3 + _HEAD_BYTES)]
        position = following
