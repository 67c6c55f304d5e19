"""The messages of the model servers' gRPC interfaces: as their sources say, and as TensorFlow itself writes them."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dfd.backends.messages import tf_serving_pb2 as tfs

ROOT = Path(__file__).parents[2]
FOLDER = Path("dfd/backends/messages")
META_GRAPHS, SIGNATURES = 2, 5
"""Field numbers of ``SavedModel.meta_graphs`` and ``MetaGraphDef.signature_def``."""


@pytest.mark.parametrize("name", ["open_inference", "tf_serving"])
def test_the_generated_code_is_that_of_the_source(name: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "grpc_tools.protoc", "-I.", f"--python_out={tmp_path}", f"--pyi_out={tmp_path}"]
    subprocess.run([*command, str(FOLDER / f"{name}.proto")], cwd=ROOT / "src", check=True, timeout=60)
    for made in (f"{name}_pb2.py", f"{name}_pb2.pyi"):
        assert (tmp_path / FOLDER / made).read_text() == (ROOT / "src" / FOLDER / made).read_text(), "run make protos"


def _varint(raw: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = raw[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def _messages(raw: bytes, number: int) -> Iterator[bytes]:
    """Every length-delimited field of one number, at the top of a message."""
    at = 0
    while at < len(raw):
        key, at = _varint(raw, at)
        kind = key & 7
        if kind == 0:
            _, at = _varint(raw, at)
            continue
        size, at = (8, at) if kind == 1 else (4, at) if kind == 5 else _varint(raw, at)
        if kind == 2 and key >> 3 == number:
            yield raw[at : at + size]
        at += size


@pytest.mark.parametrize(("version", "shape"), [("1", [-1, 64, 64, 3]), ("2", [-1, 160, 160, 6])])
def test_signatures_that_tensorflow_wrote_are_read(version: str, shape: list[int]) -> None:
    """The shipped SavedModels hold the messages that TensorFlow Serving passes on as metadata."""
    raw = (ROOT / "models" / "deepfake" / version / "saved_model.pb").read_bytes()
    [graph] = _messages(raw, META_GRAPHS)
    signatures = tfs.SignatureDefMap()
    for entry in _messages(graph, SIGNATURES):  # a map is a list of pairs; in `SignatureDefMap` it has number 1
        signatures.MergeFromString(b"\x0a" + _length(entry) + entry)
    signature = signatures.signature_def["serving_default"]
    assert list(signature.outputs) == ["fake_logit"]
    [(name, tensor)] = signature.inputs.items()
    assert name == "image"
    assert tensor.dtype == tfs.DT_FLOAT
    assert [axis.size for axis in tensor.tensor_shape.dim] == shape


def _length(entry: bytes) -> bytes:
    size, written = len(entry), bytearray()
    while size >= 0x80:
        written.append(size & 0x7F | 0x80)
        size >>= 7
    return bytes([*written, size])
