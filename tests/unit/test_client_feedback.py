"""Feedback and reviews through both clients, against the real application and against answers made up."""

import httpx
import pytest
from tests.unit.test_api_feedback import Api
from tests.unit.test_client import both, problem

from dfd.api.app import create_app
from dfd.client import AsyncClient, Conflict, Refused, Retries, Unreachable
from dfd.feedback import Label, ReviewReason
from dfd.types import Verdict

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_feedback_is_given_told_and_reviewed() -> None:
    api = Api()
    doubtful = await api.ended(Verdict.INCONCLUSIVE, 0.55)
    wrong = await api.ended()
    transport = httpx.ASGITransport(create_app(api.services))
    async with (
        httpx.AsyncClient(transport=transport, base_url="http://dfd.example") as http,
        AsyncClient(http=http) as dfd,
    ):
        given = await dfd.give_feedback(wrong, "real", note="an actor", reviewer="kim")
        assert (given.label, given.note, given.reviewer, given.verdict) == (Label.REAL, "an actor", "kim", "fake")
        history = await dfd.feedback(wrong)
        assert (history.label, history.feedback) == (Label.REAL, (given,))
        reviews = [review async for review in dfd.reviews(page_size=1)]
        with pytest.raises(Refused):
            await dfd.give_feedback(wrong, Label.FAKE, note=" ")
    assert [(review.job.id, review.label) for review in reviews] == [(wrong, Label.REAL), (doubtful, None)]
    assert reviews[0].reasons == (ReviewReason.DISAGREES,)
    assert (reviews[1].threshold, reviews[1].job.verdict) == (0.5, "inconclusive")


async def test_feedback_whose_answer_was_lost_is_not_sent_again() -> None:
    error, script = await both(httpx.ReadError("lost"), act=lambda client: client.give_feedback("j", "fake"))
    assert isinstance(error, Unreachable)
    assert len(script.requests) == 1
    assert script.requests[0].headers["content-type"] == "application/json"
    error, _ = await both(problem(409, "report_not_ready"), act=lambda client: client.give_feedback("j", "fake"))
    assert isinstance(error, Conflict)


async def test_a_label_that_is_none_is_refused_before_it_is_sent() -> None:
    client = AsyncClient(retries=Retries(1))
    with pytest.raises(ValueError, match="maybe"):
        await client.give_feedback("j", "maybe")
    await client.close()
