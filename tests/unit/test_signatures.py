"""Signed reports: what breaks a signature, what does not, and what is said of each."""

import copy
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes import make_report

from dfd.errors import ConfigurationError, UnreadableReport
from dfd.reporting import report_to_dict
from dfd.signatures.keys import PublicKey, SigningKey, from_text, read_public_keys, read_signing_key, to_text
from dfd.signatures.reports import Check, Standing, check_report, read_report, signed_report

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads((ROOT / "docs" / "report.schema.json").read_text(encoding="utf-8"))

# The key of RFC 8037, appendix A, which is that of RFC 8032, test 1.
KEY = SigningKey(
    Ed25519PrivateKey.from_private_bytes(
        bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    )
)
OTHER = SigningKey(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
GENUINE = Check(Standing.GENUINE, KEY.public.key_id)
REPORT = signed_report(report_to_dict(make_report()), KEY)

LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**53) + 1, 2**53 - 1),
    st.floats(-(2.0**53) + 1, 2.0**53 - 1),  # beyond, whole numbers are refused
    st.text(max_size=8),
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
REPORTS = st.dictionaries(
    st.text(max_size=6).filter(lambda name: name not in ("path", "signature")), VALUES, max_size=6
)


def written(report: dict[str, Any], indent: int | None = None) -> dict[str, Any]:
    """The report as it comes back from a file."""
    return read_report(json.dumps({"schema_version": "1.3", "verdict": "fake", **report}, indent=indent))


def places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The path to every leaf, and to every empty list and object."""
    entries: list[tuple[str | int, Any]] = []
    if isinstance(value, dict):
        entries = list(value.items())
    if isinstance(value, list):
        entries = list(enumerate(value))
    if not entries:
        yield path
    for key, entry in entries:
        yield from places(entry, (*path, key))


def changed(report: dict[str, Any], path: tuple[str | int, ...], value: Any) -> dict[str, Any]:
    """A copy with another value at a path."""
    result = copy.deepcopy(report)
    parent: Any = result
    for key in path[:-1]:
        parent = parent[key]
    parent[path[-1]] = value
    return result


def test_a_key_has_the_id_and_form_of_the_standard() -> None:
    assert KEY.public.x == "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
    assert KEY.public.key_id == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


def test_the_canonical_form_is_that_of_the_standard() -> None:
    value = json.loads(
        '{"numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001], "b": "\\u20ac$"}'
    )
    canonical = '{"b":"€$","numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27]}'
    assert rfc8785.dumps(value).decode() == canonical  # RFC 8785, section 3.2.2


def test_a_signed_report_follows_the_schema_and_is_the_same_each_time() -> None:
    jsonschema.Draft202012Validator(SCHEMA).validate(REPORT)
    assert signed_report(report_to_dict(make_report()), KEY) == REPORT


@given(report=REPORTS, indent=st.none() | st.integers(0, 4))
def test_however_it_is_printed_a_signed_report_is_genuine(report: dict[str, Any], indent: int | None) -> None:
    signed = signed_report(written(report), KEY)
    backwards = dict(reversed(signed.items()))
    assert check_report(written(backwards, indent), [OTHER.public, KEY.public]) == GENUINE


@given(value=VALUES)
def test_the_canonical_form_comes_back_to_itself(value: Any) -> None:
    once = rfc8785.dumps(value)
    assert rfc8785.dumps(json.loads(once)) == once


@given(data=st.data(), value=LEAVES)
def test_whatever_is_changed_is_found(data: st.DataObject, value: Any) -> None:
    path = data.draw(st.sampled_from(list(places(REPORT))))
    altered = changed(REPORT, path, value)
    if rfc8785.dumps(altered) == rfc8785.dumps(REPORT):  # 1 for 1.0, say
        assert check_report(altered, [KEY.public]) == GENUINE
    elif altered["signature"] is None:
        assert check_report(altered, [KEY.public]) == Check(Standing.UNSIGNED)
    else:
        try:
            assert check_report(altered, [KEY.public]).standing is Standing.ALTERED
        except UnreadableReport:
            assert path[0] == "signature"


@given(bit=st.integers(0, 511))
def test_no_other_signature_will_do(bit: int) -> None:
    raw = bytearray(from_text(REPORT["signature"]["value"]))
    raw[bit // 8] ^= 1 << bit % 8
    altered = changed(REPORT, ("signature", "value"), to_text(bytes(raw)))
    assert check_report(altered, [KEY.public]).standing is Standing.ALTERED


@pytest.mark.parametrize("name", sorted(set(REPORT) - {"signature"}))
def test_what_is_left_out_or_added_is_found(name: str) -> None:
    without = {key: value for key, value in REPORT.items() if key != name}
    assert check_report(without, [KEY.public]).standing is Standing.ALTERED
    assert check_report({**REPORT, f"{name}2": 1}, [KEY.public]).standing is Standing.ALTERED


def test_the_path_of_a_line_is_no_part_of_the_report() -> None:
    assert check_report({"path": "anywhere.mp4", **REPORT}, [KEY.public]) == GENUINE


def test_a_key_that_nobody_vouches_for_proves_nothing() -> None:
    forged = signed_report(report_to_dict(make_report()), OTHER)
    assert check_report(forged, [KEY.public]) == Check(Standing.UNKNOWN_KEY, OTHER.public.key_id)
    posing = changed(forged, ("signature", "public_key"), KEY.public.x)
    posing = changed(posing, ("signature", "key_id"), KEY.public.key_id)
    assert check_report(posing, [KEY.public]).standing is Standing.ALTERED


@pytest.mark.parametrize(
    ("member", "value", "said"),
    [
        ("algorithm", "RS256", "of a kind"),
        ("canonicalization", "none", "of a kind"),
        ("value", "AAAA", "3 bytes and not 64"),
        ("value", REPORT["signature"]["value"] + "==", "without padding"),
        ("value", 7, "text"),
        ("public_key", "AAAA", "32 bytes"),
        ("public_key", "\N{SNOWMAN}", "damaged"),
        ("key_id", OTHER.public.key_id, "key_id is not that"),
        ("more", 1, "nothing else"),
    ],
)
def test_a_damaged_signature_is_told_from_a_wrong_one(member: str, value: Any, said: str) -> None:
    with pytest.raises(UnreadableReport, match=said):
        check_report(changed(REPORT, ("signature", member), value), [KEY.public])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (json.dumps(REPORT)[:-20], "broken off or no JSON"),
        ("", "broken off or no JSON"),
        (json.dumps(REPORT) + "\n" + json.dumps(REPORT), "more than one report"),
        ('{"schema_version": "1.3", "verdict": "fake", "verdict": "real"}', "one key twice"),
        ('{"schema_version": "1.3", "verdict": "fake", "threshold": NaN}', "NaN is no number"),
        ("[" * 100_000, "cannot be read"),
        ("[]", "no report of DFD"),
        ('{"path": "x", "error": {}}', "no report of DFD"),
    ],
    ids=["broken_off", "empty", "two", "twice", "nan", "deep", "list", "other"],
)
def test_what_is_no_report_is_refused_with_the_reason(text: str, said: str) -> None:
    with pytest.raises(UnreadableReport, match=said):
        read_report(text)


@pytest.mark.parametrize("number", [2**53, 10**400])
def test_numbers_that_two_readers_may_take_differently_are_refused(number: int) -> None:
    with pytest.raises(UnreadableReport, match="canonical form"):
        check_report(changed(REPORT, ("video", "frame_count"), number), [KEY.public])


def pem(key: Any) -> bytes:
    return bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def test_keys_are_read_from_the_files_that_openssl_and_the_service_write(tmp_path: Path) -> None:
    (tmp_path / "private.pem").write_bytes(pem(KEY.private))
    (tmp_path / "public.pem").write_bytes(
        KEY.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    (tmp_path / "one.json").write_text(json.dumps(KEY.public.jwk))
    (tmp_path / "set.json").write_text(json.dumps({"keys": [OTHER.public.jwk, KEY.public.jwk]}))
    assert read_signing_key(tmp_path / "private.pem").public == KEY.public
    assert read_public_keys(tmp_path / "public.pem") == read_public_keys(tmp_path / "one.json") == [KEY.public]
    assert read_public_keys(tmp_path / "set.json") == [OTHER.public, KEY.public]


@pytest.mark.parametrize(
    "content", [b"", b"nonsense", pem(X25519PrivateKey.generate()), b"[]", b'{"keys": []}', b"\xff"]
)
def test_other_files_hold_no_key(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "key").write_bytes(content)
    with pytest.raises(ConfigurationError, match="openssl genpkey"):
        read_signing_key(tmp_path / "key")
    with pytest.raises(ConfigurationError, match="key holds no"):
        read_public_keys(tmp_path / "key")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_signing_key(tmp_path / "nowhere")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_public_keys(tmp_path / "nowhere")


@given(raw=st.binary(max_size=40))
def test_base64url_has_one_spelling(raw: bytes) -> None:
    assert from_text(to_text(raw)) == raw
    with pytest.raises(ValueError, match="base64url"):
        from_text(to_text(raw) + "=")
    if len(raw) != 32:
        with pytest.raises(ValueError, match="32 bytes"):
            PublicKey.from_x(to_text(raw))


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_openssl_agrees(tmp_path: Path) -> None:
    def openssl(*arguments: str) -> str:
        return subprocess.run(
            ["openssl", *arguments], cwd=tmp_path, check=True, capture_output=True, text=True, timeout=60
        ).stdout

    openssl("genpkey", "-algorithm", "ed25519", "-out", "key.pem")
    openssl("pkey", "-in", "key.pem", "-pubout", "-out", "public.pem")
    signed = signed_report(report_to_dict(make_report()), read_signing_key(tmp_path / "key.pem"))
    assert check_report(signed, read_public_keys(tmp_path / "public.pem")).standing is Standing.GENUINE
    (tmp_path / "signature").write_bytes(from_text(signed["signature"].pop("value")))
    (tmp_path / "message").write_bytes(rfc8785.dumps(signed))
    arguments = "pkeyutl -verify -pubin -inkey public.pem -rawin -in message -sigfile signature"
    assert "Verified Successfully" in openssl(*arguments.split())
