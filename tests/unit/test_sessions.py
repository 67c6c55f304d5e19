"""The sign-in of a browser: what its cookie holds and for how long, and which requests it counts for."""

import pytest
from fastapi import Request
from hypothesis import given
from hypothesis import strategies as st
from tests.api_client import TOKEN, assert_problem, client_of, make_services

from dfd.api.page.sign_in import local
from dfd.api.sessions import LIFETIME_S, Sessions, made_here

FORM = {"content-type": "application/x-www-form-urlencoded"}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def request(method: str = "GET", **headers: str) -> Request:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": method, "headers": raw, "scheme": "http", "path": "/"})


@given(st.text(max_size=200))
def test_what_is_sealed_is_opened_again_and_shows_nothing(credential: str) -> None:
    try:
        credential.encode()
    except UnicodeEncodeError:
        return
    sessions = Sessions("a secret of some length", lambda: 1000.0)
    value = sessions.sealed(credential)
    assert sessions.opened(value) == credential
    assert len(credential) < 4 or credential not in value
    assert sessions.sealed(credential) != value  # of another nonce


def test_a_session_ends_with_its_time_and_with_its_secret() -> None:
    now = [1000.0]
    sessions = Sessions("a secret", lambda: now[0])
    value = sessions.sealed("key")
    assert Sessions("another", lambda: now[0]).opened(value) is None
    assert Sessions(None, lambda: now[0]).opened(value) is None
    assert Sessions("a secret", lambda: now[0]).opened(value) == "key"
    now[0] += LIFETIME_S - 1
    assert sessions.opened(value) == "key"
    now[0] += 2
    assert sessions.opened(value) is None


def test_whatever_is_changed_in_a_cookie_it_counts_for_nothing() -> None:
    sessions = Sessions("a secret", lambda: 1000.0)
    value = sessions.sealed("key")
    for index in range(len(value)):
        other = "A" if value[index] != "A" else "B"
        changed = value[:index] + other + value[index + 1 :]
        assert sessions.opened(changed) in (None, "key")  # the last letter has bits to spare
        assert index == len(value) - 1 or sessions.opened(changed) is None
    for nonsense in ("", "A", "=", "é", "A" * 75, "A" * 5000, value[:-4], value + "AAAA"):
        assert sessions.opened(nonsense) is None


@given(st.text(max_size=120))
def test_no_cookie_is_too_strange(value: str) -> None:
    assert Sessions("a secret").opened(value) is None


@pytest.mark.parametrize(
    ("asked", "counts"),
    [
        (request("POST", sec_fetch_site="same-origin"), True),
        (request("POST", sec_fetch_site="same-site"), False),
        (request("POST", sec_fetch_site="cross-site"), False),
        (request("POST", sec_fetch_site="none"), False),
        (request("GET", sec_fetch_site="none"), True),
        (request("GET", sec_fetch_site="cross-site"), False),
        (request("POST", origin="http://dfd.example", host="dfd.example"), True),
        (request("POST", origin="http://evil.example", host="dfd.example"), False),
        (request("DELETE", origin="null", host="dfd.example"), False),
        (request("POST", host="dfd.example"), False),
        (request("GET", host="dfd.example"), True),
    ],
)
def test_what_another_site_may_have_asked_counts_for_nothing(asked: Request, counts: bool) -> None:
    assert made_here(asked) is counts


@pytest.mark.parametrize(
    ("target", "goes_to"),
    [
        ("/analyses/1?x=2", "/analyses/1?x=2"),
        ("//evil.example", "/"),
        ("https://evil.example", "/"),
        ("/\\evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("/a\r\nSet-Cookie: x", "/"),
        ("", "/"),
    ],
)
def test_signing_in_leads_nowhere_else(target: str, goes_to: str) -> None:
    assert local(target) == goes_to


@pytest.mark.anyio
async def test_a_browser_signs_in_with_the_secret_and_out_again() -> None:
    async with client_of(make_services(bearer_token=TOKEN, session_secret="long enough")) as client:
        sent = await client.get("/analyses?text=a%20b")
        assert (sent.status_code, sent.headers["location"]) == (303, "/sign-in?next=/analyses%3Ftext%3Da%2520b")
        assert (await client.get("/sign-in?next=/admin")).status_code == 200
        here = {**FORM, "sec-fetch-site": "same-origin"}
        wrong = await client.post("/sign-in", content="credential=nonsense&next=/admin", headers=here)
        assert wrong.status_code == 401
        assert "This key is not valid" in wrong.text
        assert "set-cookie" not in wrong.headers
        right = await client.post("/sign-in", content=f"credential={TOKEN}&next=/admin", headers=here)
        assert (right.status_code, right.headers["location"]) == (303, "/admin")
        cookie = right.headers["set-cookie"]
        assert cookie.startswith("dfd-session=")
        for part in ("HttpOnly", "SameSite=strict", "Path=/", f"Max-Age={LIFETIME_S}"):
            assert part in cookie
        assert TOKEN not in cookie
        assert (await client.get("/")).status_code == 200
        assert (await client.get("/session")).status_code == 204
        assert (await client.get("/v1/jobs")).status_code == 200
        assert_problem(await client.delete("/v1/jobs/x", headers={"sec-fetch-site": "cross-site"}), 401, "unauthorized")
        assert_problem(
            await client.delete("/v1/jobs/x", headers={"sec-fetch-site": "same-origin"}), 404, "job_not_found"
        )
        out = await client.post("/sign-out", headers={"sec-fetch-site": "same-origin"})
        assert out.headers["location"] == "/sign-in"
        assert (await client.get("/session")).status_code == 401


@pytest.mark.anyio
async def test_over_an_encrypted_connection_the_cookie_keeps_to_such() -> None:
    async with client_of(make_services(bearer_token=TOKEN)) as client:
        answer = await client.post(
            "https://dfd.example/sign-in",
            content=f"credential={TOKEN}",
            headers={**FORM, "origin": "https://dfd.example"},
        )
    assert answer.headers["set-cookie"].startswith("__Host-dfd-session=")
    assert "Secure" in answer.headers["set-cookie"]


@pytest.mark.anyio
async def test_another_site_cannot_sign_a_visitor_in_or_out() -> None:
    async with client_of(make_services(bearer_token=TOKEN)) as client:
        for path in ("/sign-in", "/sign-out"):
            refused = await client.post(
                path, content=f"credential={TOKEN}", headers={**FORM, "sec-fetch-site": "cross-site"}
            )
            assert refused.status_code == 403
            assert "came from another site" in refused.text
            assert "set-cookie" not in refused.headers


@pytest.mark.anyio
async def test_a_form_that_is_far_too_long_signs_nobody_in() -> None:
    async with client_of(make_services(bearer_token=TOKEN)) as client:
        body = f"credential={TOKEN}&next={'a' * 20_000}"
        refused = await client.post("/sign-in", content=body, headers={**FORM, "sec-fetch-site": "same-origin"})
    assert refused.status_code == 401


@pytest.mark.anyio
async def test_an_open_service_asks_nobody_to_sign_in() -> None:
    async with client_of(make_services()) as client:
        sent = await client.get("/sign-in?next=/admin")
        assert (sent.status_code, sent.headers["location"]) == (303, "/admin")
        assert (await client.get("/session")).status_code == 204
