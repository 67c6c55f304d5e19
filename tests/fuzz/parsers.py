"""Our own parsers of what strangers send, each as a function of bytes that may raise nothing but what it promises."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

from dfd.api.forms import FileParts
from dfd.api.ranges import wanted_part
from dfd.client.errors import ClientError
from dfd.client.streams import EventReader
from dfd.correlation import Trace
from dfd.errors import DfdError
from dfd.sandbox.wire import Nonsense
from dfd.signatures.reports import check_report, read_report
from dfd.video.packets import kind_reader
from dfd.video.protocol import Delivery, Opened, Room, unpack_error

_CODECS = ("h264", "hevc", "vp8", "vp9", "av1", "mpeg4", "prores", "none")
_MOST_FILE_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Parser:
    """A parser, and texts to begin with.

    Attributes:
        run: parses bytes; what it raises beside `errors` is a fault.
        errors: what it may raise.
        examples: some that it takes.
    """

    run: Callable[[bytes], object]
    errors: tuple[type[Exception], ...] = ()
    examples: tuple[bytes, ...] = field(default=(b"",))

    def __call__(self, data: bytes) -> None:
        """Parse; raises only what is a fault."""
        try:
            self.run(data)
        except self.errors:
            return


def _packet(data: bytes) -> None:
    """The kind of a packet: two bytes choose codec and configuration, some more are the latter."""
    if len(data) < 3:
        return
    codec, has_configuration, size = _CODECS[data[0] % len(_CODECS)], data[1] % 2, data[2] % 40
    extradata = data[3 : 3 + size] if has_configuration else None
    read = kind_reader(codec, intra_only=codec == "prores", field_order=data[1] % 3, extradata=extradata)
    if read is not None:
        read(memoryview(data[3 + size :]), data[1] > 127)


def _form(data: bytes) -> None:
    """A form in pieces whose size the first byte says."""
    parts = FileParts(b"b", _MOST_FILE_BYTES, max_files=3)
    step = 1 + (data[0] if data else 0)
    for at in range(1, len(data), step):
        parts.feed(data[at : at + step])
        for number, _ in parts.take():
            assert 0 <= number < 3
    parts.finish()


def _range(data: bytes) -> None:
    part = wanted_part(data.decode("latin-1"), 1000)
    assert part is None or 0 <= part[0] < part[1] <= 1000


def _report(data: bytes) -> None:
    check_report(read_report(data.decode("utf-8", errors="surrogateescape")), [])


def _events(data: bytes) -> None:
    reader = EventReader()
    for line in data.decode("utf-8", errors="replace").split("\n"):
        reader.feed(line)


def _trace(data: bytes) -> None:
    trace = Trace.parsed(data.decode("latin-1"))
    assert trace is None or Trace.parsed(trace.header) == trace


_FORM = b'\x05--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\nvideo\r\n--b--\r\n'
_SIGNED = (
    b'{"schema_version": "1.3", "verdict": "real", "fake_probability": 0.1, "signature": {"algorithm": "ed25519",'
    b' "canonicalization": "rfc8785", "key_id": "x", "public_key": "AAAA", "value": "AAAA"}}'
)

PARSERS: Mapping[str, Parser] = {
    "packet": Parser(
        _packet,
        (),
        (
            b"\x00\x01\x08\x01\x64\x00\x1f\xff\xe1\x00\x09\x00\x00\x00\x02\x09\x10\x00\x00\x00\x05\x65\x88\x84\x00\x33",
            b"\x00\x02\x00\x00\x00\x01\x06\x06\x01\xc4\x80\x00\x00\x01\x41\x9a",
            b"\x01\x00\x00\x00\x00\x01\x26\x01\xaf\x00\x00\x01\x02\x01\xd0",
            b"\x03\x00\x00\x82\x49\x83\x42\x00",
        ),
    ),
    "form": Parser(_form, (DfdError,), (_FORM,)),
    "range": Parser(_range, (DfdError,), (b"bytes=0-99", b"bytes=-5", b"bytes=10-")),
    "report": Parser(_report, (DfdError,), (_SIGNED, b'{"verdict": "fake"}')),
    "events": Parser(_events, (ClientError,), (b'event: job.state\nid: 1\ndata: {"id": "x"}\n\n', b": beat\n\n")),
    "trace": Parser(_trace, (), (b"00-" + b"1" * 32 + b"-" + b"2" * 16 + b"-01",)),
    "opened": Parser(Opened.unpacked, (Nonsense,), (bytes(58) + b"h264\0mov\0",)),
    "delivery": Parser(partial(Delivery.unpacked, max_pixels=10_000), (Nonsense,), (bytes(48),)),
    "room": Parser(Room.unpacked, (Nonsense,), (bytes(8),)),
    "error": Parser(unpack_error, (Nonsense,), (b"unreadable_video\0it is damaged",)),
}
