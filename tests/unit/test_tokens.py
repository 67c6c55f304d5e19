"""JSON Web Tokens of other issuers: which are taken, and every way in which one may be wrong."""

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from dfd.caller import EVERY_SCOPE, Caller, Scope
from dfd.errors import ConfigurationError, IdentityUnavailable, Unauthorized
from dfd.ports.access import TokenVerifier
from dfd.tokens.key_sets import KeySet, key_set_at, key_set_of_file
from dfd.tokens.verifying import Expected, JwtVerifier

SECRET = "an-example-of-thirty-two-bytes-or-more"
EXPECTED = Expected("https://id.example/", "dfd")
FAR_S = 4e9
"""An expiry that no run of these tests reaches."""


@pytest.fixture(scope="module")
def private() -> RSAPrivateKey:
    return generate_private_key(65537, 2048)


@pytest.fixture(scope="module")
def stranger() -> RSAPrivateKey:
    return generate_private_key(65537, 2048)


def claims(**changes: Any) -> dict[str, Any]:
    """Those of a good token, with changes; None leaves one out."""
    every = {
        "iss": EXPECTED.issuer,
        "aud": EXPECTED.audience,
        "sub": "someone",
        "exp": FAR_S,
        "tenant": "acme",
        "scope": "analyse jobs:read",
    } | changes
    return {name: value for name, value in every.items() if value is not None}


def signed(**changes: Any) -> str:
    return jwt.encode(claims(**changes), SECRET, "HS256")


def jwk_of(key: RSAPrivateKey, **more: Any) -> dict[str, Any]:
    return {**jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True), "kid": "k1", "use": "sig", **more}


def set_of(*keys: dict[str, Any]) -> bytes:
    return json.dumps({"keys": keys}).encode()


@pytest.fixture
def shared() -> TokenVerifier:
    return JwtVerifier.of_secret(EXPECTED, SECRET)


@pytest.fixture
def public(private: RSAPrivateKey) -> TokenVerifier:
    return JwtVerifier.of_key_set(EXPECTED, KeySet(lambda: set_of(jwk_of(private))))


# --- what a token says --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "scopes"),
    [
        ({}, {Scope.ANALYSE, Scope.JOBS_READ}),
        ({"aud": ["other", "dfd"]}, {Scope.ANALYSE, Scope.JOBS_READ}),
        ({"scope": None}, set()),
        ({"scope": " ".join(EVERY_SCOPE)}, EVERY_SCOPE),
        ({"scope": None, "scopes": ["feedback", 3]}, {Scope.FEEDBACK}),
        ({"scope": None, "scp": ["models:read", "openid"]}, {Scope.MODELS_READ}),
        ({"scope": "admin root *"}, set()),
    ],
)
def test_tenant_and_scopes_come_from_the_claims(
    shared: TokenVerifier, changes: dict[str, Any], scopes: set[Scope]
) -> None:
    assert shared.caller_of(signed(**changes)) == Caller("acme", "jwt-someone", frozenset(scopes))


def test_the_claim_of_the_tenant_can_be_named() -> None:
    verifier = JwtVerifier.of_secret(Expected(EXPECTED.issuer, "dfd", "org_id"), SECRET)
    assert verifier.caller_of(signed(tenant=None, org_id="umbrella")).tenant == "umbrella"
    with pytest.raises(Unauthorized, match="names no tenant"):
        verifier.caller_of(signed())


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://elsewhere.example/"},
        {"iss": None},
        {"aud": "another"},
        {"aud": []},
        {"aud": None},
        {"exp": 1.0},
        {"exp": None},
        {"exp": "soon"},
        {"nbf": FAR_S},
        {"iat": FAR_S},
        {"sub": None},
        {"sub": 7},
        {"tenant": None},
        {"tenant": ""},
        {"tenant": "Acme"},
        {"tenant": ["acme"]},
        {"tenant": "acme\n"},
    ],
)
def test_a_token_that_says_anything_else_is_refused(shared: TokenVerifier, changes: dict[str, Any]) -> None:
    with pytest.raises(Unauthorized):
        shared.caller_of(signed(**changes))


@pytest.mark.parametrize("sub", ["a" * 101, "line\nfeed", "\x1b[31m", "é" * 200])
def test_a_subject_that_does_not_fit_a_line_is_told_by_its_hash(shared: TokenVerifier, sub: str) -> None:
    subject = shared.caller_of(signed(sub=sub)).subject
    assert subject == f"jwt-sha256-{hashlib.sha256(sub.encode()).hexdigest()}"
    assert len(subject) <= 128


# --- how it is signed ---------------------------------------------------------------------------------------------


def test_another_secret_is_refused(shared: TokenVerifier) -> None:
    with pytest.raises(Unauthorized):
        shared.caller_of(jwt.encode(claims(), "y" * 40, "HS256"))


@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
def test_another_algorithm_with_the_right_secret_is_refused(shared: TokenVerifier, algorithm: str) -> None:
    with pytest.raises(Unauthorized):
        shared.caller_of(jwt.encode(claims(), SECRET + "x" * 64, algorithm))


def encoded(value: Any) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "", None])
def test_a_token_without_a_signature_is_refused(
    shared: TokenVerifier, public: TokenVerifier, algorithm: str | None
) -> None:
    for signature in ("", encoded(b"x")):
        token = f"{encoded({'alg': algorithm, 'typ': 'JWT', 'kid': 'k1'})}.{encoded(claims())}.{signature}"
        for verifier in (shared, public):
            with pytest.raises(Unauthorized):
                verifier.caller_of(token)


def test_a_public_key_cannot_be_passed_off_as_a_secret(public: TokenVerifier, private: RSAPrivateKey) -> None:
    """Algorithm confusion: anyone has the public key, and could sign with it if it were taken for a shared secret."""
    key = private.public_key()
    for shape in (PublicFormat.SubjectPublicKeyInfo, PublicFormat.PKCS1):
        for secret in (key.public_bytes(Encoding.PEM, shape), key.public_bytes(Encoding.DER, shape)):
            head = f"{encoded({'alg': 'HS256', 'typ': 'JWT', 'kid': 'k1'})}.{encoded(claims())}"
            token = f"{head}.{encoded(hmac.digest(secret, head.encode(), 'sha256'))}"
            with pytest.raises(Unauthorized):
                public.caller_of(token)


def test_a_token_brings_no_key_of_its_own(public: TokenVerifier, stranger: RSAPrivateKey) -> None:
    more: dict[str, Any] = {
        "kid": "k1",
        "jwk": jwk_of(stranger),
        "jku": "https://evil.example/jwks",
        "x5u": "https://x",
    }
    with pytest.raises(Unauthorized):
        public.caller_of(jwt.encode(claims(), stranger, "RS256", headers=more))


def test_a_critical_header_that_nobody_knows_is_refused(shared: TokenVerifier) -> None:
    token = jwt.encode(claims(), SECRET, "HS256", headers={"crit": ["dfd-must-know"], "dfd-must-know": 1})
    with pytest.raises(Unauthorized):
        shared.caller_of(token)


def test_tokens_of_the_issuers_key_are_taken(public: TokenVerifier, private: RSAPrivateKey) -> None:
    for headers in ({"kid": "k1"}, None):  # a set with one key needs no id
        assert public.caller_of(jwt.encode(claims(), private, "RS256", headers=headers)).tenant == "acme"
    with pytest.raises(Unauthorized):
        public.caller_of(jwt.encode(claims(), private, "RS256", headers={"kid": "k2"}))
    with pytest.raises(Unauthorized):
        public.caller_of(jwt.encode(claims(), private, "PS256", headers={"kid": "k1"}))
    with pytest.raises(Unauthorized):
        public.caller_of(signed())


@given(st.text(max_size=80), st.sampled_from(range(3)))
def test_no_part_of_a_token_can_be_replaced(part: str, place: int) -> None:
    verifier = JwtVerifier.of_secret(EXPECTED, SECRET)
    pieces = signed().split(".")
    if pieces[place] == part:
        return
    pieces[place] = part
    with pytest.raises(Unauthorized):
        verifier.caller_of(".".join(pieces))


def test_a_short_secret_signs_nothing() -> None:
    with pytest.raises(ConfigurationError, match="32 bytes"):
        JwtVerifier.of_secret(EXPECTED, "x" * 31)


@pytest.mark.filterwarnings("ignore:.*below the minimum recommended.*")
def test_a_short_key_of_the_issuer_is_good_for_nothing() -> None:
    weak = generate_private_key(65537, 1024)
    verifier = JwtVerifier.of_key_set(EXPECTED, KeySet(lambda: set_of(jwk_of(weak))))
    with pytest.raises(Unauthorized):
        verifier.caller_of(jwt.encode(claims(), weak, "RS256", headers={"kid": "k1"}))


# --- the issuer's keys --------------------------------------------------------------------------------------------


class Issuer:
    """Answers with a set, and counts how often it is asked."""

    def __init__(self, answer: bytes) -> None:
        self.answer: bytes | Exception = answer
        self.asked = 0
        self.now_s = 0.0
        self.keys = KeySet(self.load, lambda: self.now_s)

    def load(self) -> bytes:
        self.asked += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def test_keys_are_loaded_once_and_again_when_they_are_old(private: RSAPrivateKey) -> None:
    issuer = Issuer(set_of(jwk_of(private)))
    for now_s, asked in ((0.0, 1), (1.0, 1), (300.0, 1), (301.0, 2)):
        issuer.now_s = now_s
        assert issuer.keys.key("k1")
        assert issuer.asked == asked


def test_a_new_key_is_found_and_keys_that_nobody_knows_do_not_bother_the_issuer(
    private: RSAPrivateKey, stranger: RSAPrivateKey
) -> None:
    issuer = Issuer(set_of(jwk_of(private)))
    assert issuer.keys.key("k1")
    issuer.answer = set_of(jwk_of(private), jwk_of(stranger, kid="k2"))
    issuer.now_s = 11.0
    assert issuer.keys.key("k2")
    for _ in range(50):
        with pytest.raises(Unauthorized):
            issuer.keys.key("k3")
    assert issuer.asked == 2
    with pytest.raises(Unauthorized):
        issuer.keys.key(None)  # which of two?


def test_a_key_that_is_withdrawn_is_good_for_five_minutes_more(private: RSAPrivateKey) -> None:
    issuer = Issuer(set_of(jwk_of(private)))
    assert issuer.keys.key("k1")
    issuer.answer = set_of()
    issuer.now_s = 301.0
    with pytest.raises(Unauthorized):
        issuer.keys.key("k1")


def test_an_issuer_that_is_away_is_borne_with_for_a_while(private: RSAPrivateKey) -> None:
    issuer = Issuer(set_of(jwk_of(private)))
    assert issuer.keys.key("k1")
    issuer.answer = OSError("away")
    issuer.now_s = 599.0
    assert issuer.keys.key("k1")
    issuer.now_s = 601.0
    with pytest.raises(IdentityUnavailable):
        issuer.keys.key("k1")
    issuer.answer = set_of(jwk_of(private))
    issuer.now_s = 612.0
    assert issuer.keys.key("k1")


def test_an_issuer_that_was_never_there_is_told_apart_from_a_bad_token() -> None:
    issuer = Issuer(b"")
    issuer.answer = OSError("away")
    for _ in range(3):
        with pytest.raises(IdentityUnavailable):
            issuer.keys.key("k1")
    assert issuer.asked == 1


@pytest.mark.parametrize(
    "change", [{"kty": "EC"}, {"kty": "oct", "k": "c2VjcmV0"}, {"use": "enc"}, {"alg": "RS512"}, {"kid": 7}]
)
def test_keys_for_something_else_are_left_out(private: RSAPrivateKey, change: dict[str, Any]) -> None:
    issuer = Issuer(set_of({**jwk_of(private), **change}, jwk_of(private, kid="good")))
    assert issuer.keys.key("good")
    with pytest.raises(Unauthorized):
        issuer.keys.key("k1")


@pytest.mark.parametrize(
    "document", [b"", b"[]", b"{}", b'{"keys": 3}', b'{"keys": [{"kty": "RSA", "kid": "a"}]}', b"\xff"]
)
def test_what_is_no_set_of_keys_is_refused(tmp_path: Path, document: bytes) -> None:
    path = tmp_path / "keys.json"
    path.write_bytes(document)
    with pytest.raises(ConfigurationError, match="JWT_JWKS"):
        key_set_of_file(path)
    with pytest.raises(IdentityUnavailable):
        Issuer(document).keys.key("a")


def test_keys_lie_in_a_file_too(tmp_path: Path, private: RSAPrivateKey) -> None:
    path = tmp_path / "keys.json"
    with pytest.raises(ConfigurationError, match="JWT_JWKS"):
        key_set_of_file(path)
    path.write_bytes(set_of(jwk_of(private, use="enc")))
    with pytest.raises(ConfigurationError, match="no RSA key"):
        key_set_of_file(path)
    path.write_bytes(set_of(jwk_of(private)))
    assert key_set_of_file(path).key("k1")


@contextmanager
def served(answer: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[str]:
    """The address of a server that answers every GET so."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self)

        def log_message(self, *_args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/jwks"
        finally:
            server.shutdown()
            thread.join()


def answering(status: int, body: bytes, **headers: str) -> Callable[[BaseHTTPRequestHandler], None]:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name, value)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    return answer


def test_keys_come_from_an_address(private: RSAPrivateKey) -> None:
    with served(answering(200, set_of(jwk_of(private)))) as url:
        verifier = JwtVerifier.of_key_set(EXPECTED, key_set_at(url))
        token = jwt.encode(claims(), private, "RS256", headers={"kid": "k1"})
        assert verifier.caller_of(token) == Caller("acme", "jwt-someone", frozenset({Scope.ANALYSE, Scope.JOBS_READ}))


@pytest.mark.parametrize(
    ("status", "padding"),
    [(200, 2 * 1024 * 1024), (404, 0), (500, 0), (302, 0)],
    ids=["long", "404", "500", "redirect"],
)
def test_an_address_that_does_not_answer_with_keys_gives_none(
    private: RSAPrivateKey, status: int, padding: int
) -> None:
    keys = set_of(jwk_of(private))
    with served(answering(200, keys)) as elsewhere:
        more = {"Location": elsewhere} if status == 302 else {}
        with served(answering(status, keys + b" " * padding, **more)) as url, pytest.raises(IdentityUnavailable):
            key_set_at(url).key("k1")
