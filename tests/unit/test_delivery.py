"""The states of a delivery: what each transition does, and that any order of events leads to one end."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes import make_job

from dfd.delivery import LOST, Answer, Attempt, Delivery, DeliveryState, Patience, event_id_of, first_delivery
from dfd.job import Job, JobState

LEASE_S = 50.0
PATIENCE = Patience(max_attempts=3, first_delay_s=10.0, longest_delay_s=60.0, max_age_s=1000.0)
AWAY = Answer(500)


def ended(**changes: Any) -> Job:
    job = make_job(callback_url="https://a.example/", state=JobState.FAILED, finished_at_s=100.0)
    return replace(job, **changes)


def pending() -> Delivery:
    delivery = first_delivery(ended())
    assert delivery is not None
    return delivery


def sending(delivery: Delivery | None = None, now_s: float = 110.0) -> Delivery:
    claimed = (delivery or pending()).claimed(now_s, LEASE_S, PATIENCE)
    assert claimed is not None
    return claimed


def test_one_delivery_is_owed_for_an_end_that_somebody_wants_to_hear_of() -> None:
    delivery = first_delivery(ended())
    assert delivery == Delivery("job-1", 1, DeliveryState.PENDING, created_at_s=100.0, due_at_s=100.0)
    assert first_delivery(ended(callback_url=None)) is None
    assert first_delivery(make_job(callback_url="https://a.example/")) is None
    assert event_id_of("job-1") == event_id_of("job-1") != event_id_of("job-2")


def test_a_claim_is_a_lease_with_a_number() -> None:
    assert pending().claimed(99.0, LEASE_S, PATIENCE) is None
    delivery = sending()
    assert (delivery.state, delivery.attempts, delivery.started_at_s) == (DeliveryState.SENDING, 1, 110.0)
    assert delivery.due_at_s == 160.0
    assert delivery.claimed(159.0, LEASE_S, PATIENCE) is None


def test_a_sender_who_falls_silent_is_replaced_and_believed_no_more() -> None:
    again = sending(sending(), 160.0)
    assert again.attempts == 2
    assert again.log == (Attempt(110.0, None, LOST, None),)
    assert again.answered(1, Answer(204), 161.0, PATIENCE, 0.5) is None
    assert again.answered(2, Answer(204), 161.0, PATIENCE, 0.5) is not None


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (Answer(200), DeliveryState.DELIVERED),
        (Answer(204), DeliveryState.DELIVERED),
        (Answer(410), DeliveryState.FAILED),
        (Answer(error="address"), DeliveryState.FAILED),
        (Answer(302), DeliveryState.PENDING),
        (Answer(404), DeliveryState.PENDING),
        (Answer(500), DeliveryState.PENDING),
        (Answer(error="time"), DeliveryState.PENDING),
    ],
)
def test_an_answer_ends_a_delivery_or_has_it_tried_again(answer: Answer, state: DeliveryState) -> None:
    delivery = sending().answered(1, answer, 112.0, PATIENCE, 0.5)
    assert delivery is not None
    assert delivery.state is state
    assert delivery.log == (Attempt(110.0, answer.status, answer.error, 2.0),)
    assert delivery.over == (delivery.due_at_s is None) == (delivery.finished_at_s is not None)
    assert delivery.due_at_s in (None, 117.0)
    assert delivery.answered(1, Answer(204), 113.0, PATIENCE, 0.5) is None


def test_the_receiver_may_ask_for_patience_but_not_for_ever() -> None:
    for asked_s, due_at_s in ((1.0, 115.0), (30.0, 140.0), (1e9, 170.0)):
        delivery = sending().answered(1, Answer(503, retry_after_s=asked_s), 110.0, PATIENCE, 0.5)
        assert delivery is not None and delivery.due_at_s == due_at_s


def test_a_delivery_is_given_up_after_enough_attempts() -> None:
    delivery, now_s = pending(), 110.0
    for attempt in range(1, PATIENCE.max_attempts + 1):
        answered = sending(delivery, now_s).answered(attempt, AWAY, now_s, PATIENCE, 0.5)
        assert answered is not None
        delivery, now_s = answered, now_s + 100
    assert (delivery.state, len(delivery.log), delivery.attempts) == (DeliveryState.FAILED, 3, 3)


def test_a_delivery_is_given_up_when_it_is_old() -> None:
    late = sending(now_s=1099.0).answered(1, AWAY, 1099.0, PATIENCE, 0.5)
    assert late is not None and late.state is DeliveryState.FAILED
    forgotten = pending().claimed(1101.0, LEASE_S, PATIENCE)
    assert forgotten is not None
    assert (forgotten.state, forgotten.attempts, forgotten.due_at_s) == (DeliveryState.FAILED, 0, None)


def test_an_event_is_sent_again_as_another_delivery() -> None:
    done = sending().answered(1, Answer(204), 112.0, PATIENCE, 0.5)
    assert done is not None
    assert done.again(2, 500.0) == Delivery("job-1", 2, DeliveryState.PENDING, 500.0, 500.0)


@given(attempts=st.integers(1, 10_000), draw=st.floats(0, 1, exclude_max=True))
def test_waits_are_drawn_from_nothing_to_a_limit_that_doubles(attempts: int, draw: float) -> None:
    longest_s = min(PATIENCE.longest_delay_s, PATIENCE.first_delay_s * 2.0 ** min(attempts - 1, 30))
    assert PATIENCE.delay_s(attempts, 0.0) == 0.0
    assert 0.0 <= PATIENCE.delay_s(attempts, draw) <= longest_s
    assert PATIENCE.delay_s(attempts, draw) <= PATIENCE.delay_s(attempts + 1, draw)


@pytest.mark.parametrize("wrong", [{"max_attempts": 0}, {"first_delay_s": -1.0}, {"max_age_s": 0.0}])
def test_rules_that_cannot_be_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="attempt"):
        replace(PATIENCE, **wrong)


ANSWERS = st.sampled_from([Answer(204), AWAY, Answer(410), Answer(429, retry_after_s=20.0), Answer(error="connection")])


@given(
    st.lists(st.tuples(st.floats(0, 200), st.sampled_from(["claim", "answer", "late answer"]), ANSWERS), max_size=40),
    st.floats(0, 1, exclude_max=True),
)
def test_in_any_order_of_events_a_delivery_ends_once_and_every_attempt_is_logged(
    events: list[tuple[float, str, Answer]], draw: float
) -> None:
    delivery, now_s, ends = pending(), 100.0, 0
    for passed_s, what, answer in events:
        now_s += passed_s
        if what == "claim":
            changed = delivery.claimed(now_s, LEASE_S, PATIENCE)
        else:
            attempt = delivery.attempts - (what == "late answer")
            changed = delivery.answered(attempt, answer, now_s, PATIENCE, draw)
            assert what == "answer" or changed is None
        assert not (delivery.over and changed is not None)
        delivery = changed or delivery
        ends += changed is not None and changed.over
        under_way = delivery.state is DeliveryState.SENDING
        assert len(delivery.log) == delivery.attempts - under_way
        assert delivery.attempts <= PATIENCE.max_attempts
        assert delivery.over == (delivery.due_at_s is None) == (delivery.finished_at_s is not None)
    assert ends == delivery.over
    for _ in range(PATIENCE.max_attempts + 1):  # and with senders that die, all the same
        now_s += 1000.0
        delivery = delivery.claimed(now_s, LEASE_S, PATIENCE) or delivery
    assert delivery.over
