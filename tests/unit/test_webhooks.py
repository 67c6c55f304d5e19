"""Signing and sending of webhooks, against a receiver that really listens."""

import re
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.servers import not_installed
from tests.webhook_receiver import Receiver, receiving

from dfd.delivery import Answer
from dfd.errors import CallbackRefused
from dfd.signing import SIGNATURE, TIMESTAMP, is_genuine, secret_of, signed_headers
from dfd.webhooks.notifier import EVENT, SignedNotifier
from dfd.webhooks.sending import Sender, is_public, retry_after_s


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as server:
        yield server


def named(receiver: Receiver) -> str:
    return receiver.url("receiver.example", "?a=1")


def here(_host: str, _port: int) -> Sequence[str]:
    return ["127.0.0.1"]


def test_what_is_sent_arrives_and_can_be_verified(receiver: Receiver) -> None:
    body = b'{"id": "j"}'
    sent = Sender(allow_http=True, allow_private=True, resolver=here).send(
        named(receiver), body, signed_headers(["secret"], body, 1000.9)
    )
    assert sent == Answer(204)
    assert sent.arrived
    [got] = receiver.got
    assert (got.path, got.body, got.headers[TIMESTAMP]) == ("/hook?a=1", body, "1000")
    assert got.headers["Host"] == f"receiver.example:{receiver.port}"
    assert is_genuine("secret", got.headers, got.body, 1200.0)


def test_private_addresses_are_refused_after_resolving(receiver: Receiver) -> None:
    assert Sender(allow_http=True, resolver=here).send(named(receiver), b"", {}) == Answer(error="address")
    assert Sender(allow_http=True).send(f"http://127.0.0.1:{receiver.port}/", b"", {}) == Answer(error="address")
    assert receiver.got == []


def test_the_name_is_resolved_once_and_the_checked_address_taken(receiver: Receiver) -> None:
    asked: list[str] = []

    def fickle(host: str, _port: int) -> Sequence[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["192.0.2.1"]

    assert Sender(allow_http=True, allow_private=True, resolver=fickle).send(named(receiver), b"", {}).arrived
    assert asked == ["receiver.example"]


@pytest.mark.parametrize("status", [301, 307, 404, 500])
def test_redirects_are_not_followed_and_other_answers_are_told(receiver: Receiver, status: int) -> None:
    receiver.status, receiver.headers = status, {"Location": named(receiver)}
    sent = Sender(allow_http=True, allow_private=True, resolver=here).send(named(receiver), b"", {})
    assert sent == Answer(status)
    assert not sent.arrived
    assert len(receiver.got) == 1


def test_a_receiver_that_does_not_answer_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        assert Sender(allow_http=True, allow_private=True, limit_s=0.1).send(url, b"", {}) == Answer(error="time")
    assert Sender(allow_http=True, allow_private=True).send(url, b"", {}) == Answer(error="connection")


def test_one_that_drips_is_given_up_too() -> None:
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as slow:

        def drip() -> None:
            connection, _ = slow.accept()
            with connection:
                while not stop.wait(0.01):
                    try:
                        connection.sendall(b"H")
                    except OSError:
                        return

        thread = threading.Thread(target=drip)
        thread.start()
        url = f"http://127.0.0.1:{slow.getsockname()[1]}/"
        sent = Sender(allow_http=True, allow_private=True, limit_s=0.3).send(url, b"", {})
        stop.set()
        thread.join()
    assert sent == Answer(error="time")


def test_a_receiver_without_tls_is_told(receiver: Receiver) -> None:
    url = named(receiver).replace("http://", "https://")
    assert Sender(allow_http=True, allow_private=True, resolver=here).send(url, b"", {}).error in ("tls", "answer")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of receiver.example that signs itself, with its key."""
    openssl = shutil.which("openssl")
    if openssl is None:
        not_installed("OpenSSL is not installed (Debian: openssl)")
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", str(path)]
    name = ["-subj", "/CN=receiver.example", "-addext", "subjectAltName=DNS:receiver.example"]
    command = [openssl, "req", "-x509", *key, "-out", str(path.with_suffix(".crt")), "-days", "2", *name]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    with path.open("ab") as both:
        both.write(path.with_suffix(".crt").read_bytes())
    return path


def test_over_tls_the_name_is_checked_whatever_the_address(certificate: Path) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    trusting = ssl.create_default_context(cafile=certificate)
    with receiving(tls=tls) as receiver:
        port = receiver.port
        sender = Sender(allow_private=True, resolver=here, tls=trusting)
        assert sender.send(f"https://receiver.example:{port}/hook", b"{}", {}) == Answer(204)
        assert sender.send(f"https://other.example:{port}/hook", b"{}", {}) == Answer(error="tls")
        strict = Sender(allow_private=True, resolver=here)
        assert strict.send(f"https://receiver.example:{port}/hook", b"{}", {}) == Answer(error="tls")
    assert [got.path for got in receiver.got] == ["/hook"]


def test_a_name_that_is_unknown_is_told() -> None:
    def nobody(_host: str, _port: int) -> Sequence[str]:
        raise socket.gaierror

    assert Sender(allow_http=True, resolver=nobody).send("http://nobody.example/", b"", {}) == Answer(error="name")


@pytest.mark.parametrize(
    "url",
    ["ftp://a.example/", "http://", "http://u:p@a.example/", "http://a.example/\r\nX: y", "http://[1/", "http://a:x/"],
)
def test_odd_addresses_are_refused(url: str) -> None:
    assert Sender(allow_http=True, allow_private=True, resolver=here).send(url, b"", {}) == Answer(error="address")


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1%eth0",
        "fc00::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b:1::7f00:1",
        "::7f00:1",
        "fec0::1",
        "3fff::1",
        "2001:db8::1",
        "192.0.0.8",
        "192.88.99.1",
        "198.18.0.1",
        "2002:7f00:1::",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
        "name",
    ],
)
def test_addresses_that_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946", "::ffff:93.184.216.34"])
def test_addresses_that_are(address: str) -> None:
    assert is_public(address)


def test_forged_old_and_broken_signatures_are_refused() -> None:
    headers = signed_headers(["secret"], b"body", 1000.0)
    assert is_genuine("secret", headers, b"body", 1000.0)
    assert not is_genuine("other", headers, b"body", 1000.0)
    assert not is_genuine("secret", headers, b"Body", 1000.0)
    assert not is_genuine("secret", headers | {TIMESTAMP: "1001"}, b"body", 1000.0)
    assert not is_genuine("secret", headers | {SIGNATURE: "v1=\N{SNOWMAN}"}, b"body", 1000.0)
    assert not is_genuine("secret", headers, b"body", 1301.0)
    assert not is_genuine("secret", {}, b"body", 1000.0)
    with pytest.raises(ValueError, match="empty"):
        signed_headers([""], b"body", 1000.0)


def test_while_a_secret_is_replaced_either_will_do() -> None:
    headers = signed_headers(["new-secret", "old-secret"], b"body", 1000.0)
    assert headers[SIGNATURE].count("v1=") == 2
    for secret, genuine in (("new-secret", True), ("old-secret", True), ("older-secret", False)):
        assert is_genuine(secret, headers, b"body", 1000.0) is genuine
    assert is_genuine("old-secret", {name.lower(): value for name, value in headers.items()}, b"body", 1000.0)
    with pytest.raises(ValueError, match="secret"):
        signed_headers([], b"body", 1000.0)


@given(st.text(), st.text(), st.binary())
def test_no_header_that_a_stranger_makes_up_is_genuine_or_breaks_anything(
    timestamp: str, signature: str, body: bytes
) -> None:
    assert not is_genuine("secret", {TIMESTAMP: timestamp, SIGNATURE: signature}, body, 1000.0)
    assert not is_genuine("secret", {TIMESTAMP: "1000", SIGNATURE: signature}, body, 1000.0)


def test_the_documented_check_holds_and_refuses() -> None:
    text = (Path(__file__).resolve().parents[2] / "docs/api.md").read_text(encoding="utf-8")
    [example] = re.findall(r"^```python\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(example, "api.md", "exec"), names)
    documented = names["is_genuine"]
    headers = signed_headers(["new-secret", "old-secret"], b"body", 1000.0)
    for secret in ("new-secret", "old-secret"):
        assert documented(secret, headers, b"body", 1200.0)
        assert not documented(secret, headers, b"Body", 1200.0)
        assert not documented(secret, headers, b"body", 1301.0)
        assert not documented(secret, headers | {TIMESTAMP: "1001"}, b"body", 1200.0)
        assert not documented(secret, headers | {SIGNATURE: "v1=\N{SNOWMAN}"}, b"body", 1200.0)
        assert not documented(secret, {}, b"body", 1200.0)
    assert not documented("other", headers, b"body", 1200.0)


def test_an_event_is_posted_as_json_and_names_itself(receiver: Receiver) -> None:
    sender = Sender(allow_http=True, allow_private=True, resolver=here)
    notifier = SignedNotifier(sender, ["new-secret", "old-secret"], "1.2.3")
    assert notifier.notify(named(receiver), "evt_1", b"{}", 1000.0) == Answer(204)
    [got] = receiver.got
    told = [got.headers[name] for name in (EVENT, "Content-Type", "User-Agent")]
    assert told == ["evt_1", "application/json", "dfd/1.2.3"]
    assert is_genuine("old-secret", got.headers, got.body, 1000.0)
    with pytest.raises(ValueError, match="secret"):
        SignedNotifier(sender, [], "1")


def test_each_tenant_has_a_secret_that_tells_nothing_of_anothers(receiver: Receiver) -> None:
    notifier = SignedNotifier(Sender(allow_http=True, allow_private=True, resolver=here), ["new", "old"], "1")
    for tenant in ("default", "acme", "umbrella"):
        assert notifier.notify(named(receiver), "evt_1", b"{}", 1000.0, tenant) == Answer(204)
    for got, tenant in zip(receiver.got, ("default", "acme", "umbrella"), strict=True):
        for secret in ("new", "old"):
            good = [
                name
                for name in ("default", "acme", "umbrella")
                if is_genuine(secret_of(secret, name), got.headers, got.body, 1000.0)
            ]
            assert good == [tenant]
    assert secret_of("new", "default") == "new"
    with pytest.raises(ValueError, match="empty"):
        secret_of("", "acme")


@pytest.mark.parametrize("status", [429, 503])
def test_a_receiver_may_ask_for_patience(receiver: Receiver, status: int) -> None:
    receiver.status, receiver.headers = status, {"Retry-After": "120"}
    sender = Sender(allow_http=True, allow_private=True, resolver=here)
    assert sender.send(named(receiver), b"", {}) == Answer(status, retry_after_s=120.0)
    receiver.status = 500
    assert sender.send(named(receiver), b"", {}) == Answer(500)


def test_patience_is_asked_for_in_seconds_or_until_a_moment() -> None:
    moment = format_datetime(datetime.fromtimestamp(1060, UTC), usegmt=True)
    nowhere = "Mon, 01 Jan 2024 00:00:00 +9999999999999999"
    for text, asked_s in (
        ("7", 7.0),
        (moment, 60.0),
        ("soon", 0.0),
        ("-1", 0.0),
        (nowhere, 0.0),
        ("", 0.0),
        (None, 0.0),
    ):
        assert retry_after_s(text, 1000.0) == asked_s
    assert retry_after_s(moment, 2000.0) == 0.0


@given(st.text() | st.from_regex(r"\A(Mon, )?\d+ Jan \d+ \d+:\d+(:\d+)? [+-]?\d+\Z"))
def test_nonsense_asks_for_nothing_that_breaks(text: str) -> None:
    assert retry_after_s(text, 1000.0) >= 0.0


def test_an_address_that_cannot_be_reached_is_passed_over(receiver: Receiver) -> None:
    def two(_host: str, _port: int) -> Sequence[str]:
        return ["127.0.0.2", "127.0.0.1"]  # the receiver listens on the second alone

    assert Sender(allow_http=True, allow_private=True, resolver=two).send(named(receiver), b"", {}).arrived


def test_of_several_addresses_only_public_ones_are_taken(receiver: Receiver) -> None:
    def mixed(_host: str, _port: int) -> Sequence[str]:
        return ["127.0.0.1", "192.0.2.1"]

    assert Sender(allow_http=True, resolver=mixed).send(named(receiver), b"", {}) == Answer(error="address")
    assert receiver.got == []


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://a.example/", "https://"),
        ("ftp://a.example/", "web address"),
        ("a.example/hook", "web address"),
        ("https://", "web address"),
        ("https://a.example:0/", "web address"),
        ("https://a.example:x/", "web address"),
        ("https://b\N{LATIN SMALL LETTER U WITH DIAERESIS}.example/", "web address"),
        ("https://a.example/\nX: y", "web address"),
        ("https://u:p@a.example/", "password"),
        ("https://a.example/a b", "blank"),
        ("https://localhost/", "private"),
        ("https://127.0.0.1/", "private"),
        ("https://127.1/", "private"),
        ("https://2130706433/", "private"),
        ("https://0x7f000001/", "private"),
        ("https://[::1]:8443/", "private"),
        ("https://169.254.169.254/latest/meta-data/", "private"),
    ],
)
def test_a_bad_address_is_refused_with_its_reason(url: str, why: str) -> None:
    with pytest.raises(CallbackRefused, match=why):
        SignedNotifier(Sender(), ["secret"], "1").check(url)
    assert Sender(resolver=here).send(url, b"", {}) == Answer(error="address")


def test_good_addresses_are_taken_and_the_operator_may_allow_more() -> None:
    for url in ("https://a.example", "https://a.example:8443/hook?token=1", "https://93.184.216.34/"):
        SignedNotifier(Sender(), ["secret"], "1").check(url)
    SignedNotifier(Sender(allow_http=True, allow_private=True), ["secret"], "1").check("http://127.0.0.1:8080/hook")


ORDINARY = Sender()


@given(st.text())
def test_any_text_is_either_an_address_or_refused(url: str) -> None:
    refused = ORDINARY.objection(url) is not None
    assert refused or url.startswith("https://")
