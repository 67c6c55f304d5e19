"""Reading content credentials: what is worth a look, what an answer means, and what becomes of a process that fails."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dfd.bootstrap import provenance as built
from dfd.credentials import ContentCredentials, CredentialAction, CredentialState
from dfd.errors import ConfigurationError
from dfd.provenance import reader as asking
from dfd.provenance.answers import credentials_of, credentials_of_error
from dfd.provenance.child import Kind, media_type_of, settings_of
from dfd.provenance.marker import may_hold_credentials
from dfd.provenance.reader import CredentialReader, no_library
from dfd.settings import load_settings

STORE = bytes.fromhex("63327061001100108000 00aa00389b71")

jsons: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=300),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=20), inner, max_size=3),
    max_leaves=12,
)


# --- what is worth a look -----------------------------------------------------------------------------------------


@given(before=st.integers(0, 40), marker=st.sampled_from([STORE, b"dcterms:provenance"]))
def test_the_marker_is_found_wherever_it_lies(before: int, marker: bytes) -> None:
    at = (1 << 20) - 20 + before
    assert may_hold_credentials(io.BytesIO(bytes(at) + marker + bytes(9)))


@given(st.binary(max_size=300))
def test_other_bytes_are_not_worth_a_look(content: bytes) -> None:
    for whole in (content, b"c2pa" + content):  # the beginning of a marker is none
        assert may_hold_credentials(io.BytesIO(whole)) == (STORE in whole or b"dcterms:provenance" in whole)


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"\0\0\0\x18ftypisom", "video/mp4"),
        (b"\0\0\0\x18ftypqt  ", "video/mp4"),
        (b"\0\0\0\x18ftypheic", "image/heic"),
        (b"RIFF....WEBPVP8 ", "image/webp"),
        (b"RIFF....AVI LIST", "video/avi"),
        (b"RIFF....WAVE", None),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"\x1aE\xdf\xa3", None),
        (b"", None),
    ],
)
def test_the_kind_is_that_of_the_bytes(head: bytes, name: str | None) -> None:
    assert media_type_of(head) == name


# --- what an answer means -----------------------------------------------------------------------------------------


def store(state: str = "Valid", **manifest: Any) -> dict[str, Any]:
    return {"active_manifest": "m", "manifests": {"m": manifest}, "validation_state": state}


@pytest.mark.parametrize(
    ("said", "state"),
    [
        ("Trusted", CredentialState.TRUSTED),
        ("Valid", CredentialState.VALID),
        ("Invalid", CredentialState.INVALID),
        ("Splendid", CredentialState.INVALID),
    ],
)
def test_only_the_states_that_are_known_are_good(said: str, state: CredentialState) -> None:
    assert credentials_of(store(said)).state is state
    assert credentials_of({}).state is CredentialState.INVALID


def test_a_time_is_an_authority_s_only_where_it_was_checked() -> None:
    one = store(signature_info={"time": "2026-01-30T18:05:00+00:00"})
    assert credentials_of(one).time_stamped is False
    checked = {"success": [{"code": "timeStamp.validated"}], "informational": [{"code": "timeStamp.untrusted"}]}
    one["validation_results"] = {"activeManifest": checked}
    assert credentials_of(one).time_stamped is False  # whoever forges a time makes a stamp of his own
    one["validation_results"] = {"activeManifest": {"success": [{"code": "timeStamp.trusted"}]}}
    assert credentials_of(one).time_stamped is True
    assert credentials_of(one).signed_at == "2026-01-30T18:05:00+00:00"


def test_older_claims_are_read_too() -> None:
    action = {"action": "c2pa.opened", "softwareAgent": "Old 1", "digitalSourceType": "plain"}
    one = store(
        claim_generator="Old/1 c2pa", assertions=[{"label": "c2pa.actions", "data": {"actions": [action, {}, 7]}}]
    )
    found = credentials_of(one)
    assert found.generator == "Old/1 c2pa"
    assert found.actions == (CredentialAction("c2pa.opened", "Old 1", None, "plain"),)


def test_what_an_ingredient_lacks_is_a_problem_too() -> None:
    one = store("Invalid")
    failures = [{"code": "assertion.dataHash.mismatch"}, {"code": "assertion.dataHash.mismatch"}, {"code": 7}]
    one["validation_results"] = {
        "activeManifest": {"failure": [{"code": "signingCredential.expired"}]},
        "ingredientDeltas": [{"validationDeltas": {"failure": failures}}],
    }
    assert credentials_of(one).problems == ("signingCredential.expired", "assertion.dataHash.mismatch")


@given(jsons, jsons, jsons, jsons)
def test_no_answer_breaks_the_reading(signature: Any, results: Any, assertions: Any, generator: Any) -> None:
    one = store(signature_info=signature, assertions=[{"label": "c2pa.actions", "data": {"actions": assertions}}])
    one["validation_results"] = results
    one["manifests"]["m"]["claim_generator_info"] = [generator]
    one["manifests"]["m"]["title"] = generator
    found = credentials_of(one)
    assert ContentCredentials.from_dict(json.loads(json.dumps(found.to_dict()))) == found


@pytest.mark.parametrize(
    ("message", "state", "detail"),
    [
        ("ManifestNotFound: no JUMBF data found", CredentialState.ABSENT, None),
        ("Remote: must fetch remote manifests from url http://a/b", CredentialState.REMOTE, "http://a/b"),
        ("Io: broken\x1b[2J", CredentialState.UNREADABLE, "the library says: Io: broken\ufffd[2J"),
    ],
)
def test_what_the_library_refuses_is_told(message: str, state: CredentialState, detail: str | None) -> None:
    found = credentials_of_error(message)
    assert (found.state, found.detail) == (state, detail)


def test_nothing_is_fetched() -> None:
    for anchors in ("", "PEM"):
        verify = settings_of(anchors)["verify"]
        assert (verify["remote_manifest_fetch"], verify["ocsp_fetch"]) == (False, False)
    assert settings_of("PEM")["trust"] == {"trust_anchors": "PEM"}
    assert "trust" not in settings_of("")


# --- a process that fails -----------------------------------------------------------------------------------------


@pytest.fixture
def marked(tmp_path: Path) -> Path:
    (tmp_path / "file").write_bytes(b"\xff\xd8\xff" + STORE)
    return tmp_path / "file"


def reader(entry: str, **options: Any) -> CredentialReader:
    return CredentialReader(entry=f"tests.credential_children:{entry}", **options)


@pytest.mark.parametrize("entry", ["aborts", "fails", "leaves", "talks", "digresses"])
def test_a_process_that_fails_is_never_taken_for_a_file_without_any(marked: Path, entry: str) -> None:
    found = reader(entry)(marked)
    assert found.state is CredentialState.UNREADABLE
    assert "broke off" in str(found.detail)


def test_a_process_that_takes_too_long_is_ended(marked: Path) -> None:
    found = reader("sleeps", least_limit_s=1.0)(marked)
    assert found.state is CredentialState.UNREADABLE
    assert "took more than 1 s" in str(found.detail)


def test_where_no_process_can_be_started_that_is_told(marked: Path) -> None:
    found = reader("is_not_there")(marked)
    assert found.state is CredentialState.UNREADABLE
    assert "no process can be started" in str(found.detail)


GOOD = ContentCredentials(CredentialState.TRUSTED, signer="A", ingredients=2)


def test_both_sides_call_messages_the_same() -> None:
    assert (asking._READ, asking._FOUND) == (Kind.READ, Kind.FOUND)


def test_what_is_well_formed_is_believed(marked: Path) -> None:
    assert reader("repeats", anchors=json.dumps(GOOD.to_dict()))(marked) == GOOD


@pytest.mark.parametrize(
    "changes",
    [
        {"state": "splendid"},
        {"signer": "x" * 300},
        {"signer": 7},
        {"ingredients": "many"},
        {"ingredients": True},
        {"time_stamped": "yes"},
        {"actions": [{"action": "a\nb"}]},
        {"actions": 7},
        {"actions": [{"action": None}]},
        {"problems": [None]},
        {"problems": ["x"] * 99},
        {"more": 1},
    ],
)
def test_a_process_that_was_taken_over_says_nothing_that_is_believed(marked: Path, changes: dict[str, Any]) -> None:
    found = reader("repeats", anchors=json.dumps({**GOOD.to_dict(), **changes}))(marked)
    assert found.state is CredentialState.UNREADABLE


@pytest.mark.parametrize("answer", ["", "no json", "[" * 100_000, "{}", "[]", "7"])
def test_neither_does_what_is_no_answer(marked: Path, answer: str) -> None:
    assert reader("repeats", anchors=answer)(marked).state is CredentialState.UNREADABLE


def test_a_file_that_is_gone_is_told(tmp_path: Path) -> None:
    found = CredentialReader()(tmp_path / "gone")
    assert (found.state, found.detail) == (
        CredentialState.UNREADABLE,
        "the file cannot be read: No such file or directory",
    )


# --- from settings ------------------------------------------------------------------------------------------------


def test_without_the_library_nobody_looked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(built, "library_version", lambda: None)
    read, told = built.build_credentials(load_settings())
    assert read is no_library
    assert told == {"c2pa": "not installed"}
    found = read(tmp_path)
    assert found.state is CredentialState.NOT_CHECKED
    assert "pip install 'dfd[c2pa]'" in str(found.detail)
    (tmp_path / "ca.pem").write_text("-----BEGIN CERTIFICATE-----")
    monkeypatch.setenv("C2PA_TRUST_ANCHORS", str(tmp_path / "ca.pem"))
    with pytest.raises(ConfigurationError, match="needs pip install"):
        built.build_credentials(load_settings())
