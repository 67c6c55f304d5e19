"""The HTTP interface of feedback, reviews, drift and calibration, over fakes."""

from dataclasses import replace
from typing import Any

import pytest
from tests.api_client import TOKEN, assert_problem, client_of, make_services
from tests.fakes import make_manifest, make_report
from tests.feedback_fakes import FakeFeedbackStore, FakeTallyStore, known_manifest
from tests.unit.test_jobs import House

from dfd.api.services import Services
from dfd.errors import JobStoreUnavailable
from dfd.feedback import MOST_FEEDBACK, Evidence, Label
from dfd.histograms import SCORE, ReferenceHistogram
from dfd.jobs.feedback import FeedbackDesk
from dfd.jobs.sweeper import Sweeper, TablesBeside
from dfd.monitoring.measuring import tally_of
from dfd.monitoring.monitor import ModelMonitor
from dfd.reporting import report_to_dict
from dfd.types import Verdict

pytestmark = pytest.mark.anyio

MANIFEST = make_manifest(
    reference_histograms={SCORE: ReferenceHistogram((0.0,), (60, 40), (50, 10))},
)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Api:
    """A client, and the house behind it."""

    def __init__(self, *, keep_sha256: bool = True, token: str | None = None) -> None:
        self.house = House()
        self.feedback = FakeFeedbackStore(self.house.store)
        self.tallies = FakeTallyStore()
        self.desk = FeedbackDesk(self.feedback, self.house.desk, self.house.clock, keep_sha256=keep_sha256)
        monitor = ModelMonitor(known_manifest(MANIFEST), self.feedback, self.tallies, self.house.clock)
        self.services: Services = make_services(
            self.house.analyzer, jobs=self.house.desk, feedback=self.desk, monitor=monitor, bearer_token=token
        )

    async def call(self, method: str, path: str, **more: Any) -> Any:
        async with client_of(self.services) as client:
            return await client.request(method, path, **more)

    async def ended(self, verdict: Verdict = Verdict.FAKE, probability: float | None = 0.9) -> str:
        """A job that has a report."""
        self.house.analyzer.report = make_report(verdict=verdict, fake_probability=probability)
        files = {"file": ("a.mp4", b"video", "video/mp4")}
        answer = await self.call("POST", "/v1/jobs", params={"force": True}, files=files)
        job_id: str = answer.json()["jobs"][0]["id"]
        assert self.house.worker().run_one(self.house.stop)
        return job_id

    async def give(self, job_id: str, **said: Any) -> Any:
        return await self.call("POST", f"/v1/jobs/{job_id}/feedback", json=said)


@pytest.fixture
def api() -> Api:
    return Api()


async def test_the_latest_label_counts_and_the_history_is_told(api: Api) -> None:
    job_id = await api.ended()
    empty = (await api.call("GET", f"/v1/jobs/{job_id}/feedback")).json()
    assert empty == {"label": None, "feedback": []}
    first = await api.give(job_id, label="real", note="a filter", reviewer="kim")
    assert (first.status_code, first.headers["cache-control"]) == (201, "no-store")
    assert first.json() == {
        "label": "real",
        "note": "a filter",
        "reviewer": "kim",
        "created_at": "1970-01-01T00:16:40.000Z",
        "verdict": "fake",
        "fake_probability": 0.9,
        "threshold": 0.5,
        "model": {"name": "deepfake", "version": "1", "weights_sha256": "5e" * 32},
    }
    assert (await api.give(job_id, label="fake")).json()["note"] is None
    told = (await api.call("GET", f"/v1/jobs/{job_id}/feedback")).json()
    assert (told["label"], [one["label"] for one in told["feedback"]]) == ("fake", ["real", "fake"])


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"label": "maybe"},
        {"label": "fake", "note": ""},
        {"label": "fake", "note": "  "},
        {"label": "fake", "note": "a\0b"},
        {"label": "fake", "note": "x" * 2001},
        {"label": "fake", "reviewer": "x" * 129},
        {"label": "fake", "colour": "red"},
    ],
)
async def test_feedback_that_says_nothing_clear_is_refused(api: Api, said: dict[str, Any]) -> None:
    job_id = await api.ended()
    assert_problem(await api.give(job_id, **said), 422, "invalid_parameter")
    assert api.feedback.of_job(job_id) == []


async def test_feedback_needs_a_job_with_a_report(api: Api) -> None:
    assert_problem(await api.give("nobody", label="fake"), 404, "job_not_found")
    assert_problem(await api.call("GET", "/v1/jobs/nobody/feedback"), 404, "job_not_found")
    answer = await api.call("POST", "/v1/jobs", files={"file": ("a.mp4", b"video", "video/mp4")})
    waiting = answer.json()["jobs"][0]["id"]
    assert_problem(await api.give(waiting, label="fake"), 409, "report_not_ready")


async def test_a_job_takes_only_so_much_feedback(api: Api) -> None:
    job_id = await api.ended()
    for _ in range(MOST_FEEDBACK):
        api.desk.give(job_id, Label.FAKE)
    assert_problem(await api.give(job_id, label="real"), 409, "job_conflict")


async def test_the_hash_of_a_file_is_kept_only_where_it_may_be() -> None:
    for keep in (True, False):
        api = Api(keep_sha256=keep)
        job_id = await api.ended()
        await api.give(job_id, label="fake")
        assert api.feedback.of_job(job_id)[0].evidence.input_sha256 == ("c0" * 32 if keep else None)


async def test_what_is_left_of_feedback_is_swept_in_the_end(api: Api) -> None:
    job_id = await api.ended()
    await api.give(job_id, label="fake", note="sure")
    house = api.house
    house.policy = replace(house.policy, retention_s=10.0, feedback_retention_s=100.0)
    sweeper = Sweeper(house.store, house.storage, house.queue, house.policy, house.clock, TablesBeside(api.feedback))
    given_s, house.now_s = house.now_s, house.now_s + 20
    sweeper.sweep()
    sweeper.sweep()
    assert house.store.get(job_id) is None
    [left] = house.store._left
    assert (left.label, left.note, left.job_id) == (Label.FAKE, None, None)
    house.now_s = given_s + 101
    sweeper.sweep()
    assert house.store._left == []


async def test_reviews_come_page_by_page(api: Api) -> None:
    wrong = await api.ended(Verdict.FAKE, 0.95)
    await api.give(wrong, label="real")
    doubtful = [await api.ended(Verdict.INCONCLUSIVE, probability) for probability in (None, 0.3, 0.52)]
    await api.ended(Verdict.REAL, 0.05)
    found, cursor = [], None
    for _ in range(4):
        params = {"limit": 1} | ({"cursor": cursor} if cursor else {})
        page = (await api.call("GET", "/v1/reviews", params=params)).json()
        found += page["reviews"]
        cursor = page["next_cursor"]
    assert cursor is None
    assert [review["job"]["id"] for review in found] == [wrong, *reversed(doubtful)]
    assert [review["reasons"] for review in found] == [
        ["disagrees"],
        ["inconclusive", "near_threshold"],
        ["inconclusive"],
        ["inconclusive"],
    ]
    assert (found[0]["label"], found[0]["threshold"], found[1]["label"]) == ("real", 0.5, None)


@pytest.mark.parametrize(
    "cursor", ["x", "1_2", "2_0x0p+0_5", "1_nan_5", "1_0x1.8p+0_5", "1_0x1p+99999_5", "1_0x0p+0_0"]
)
async def test_a_cursor_that_is_none_is_refused(api: Api, cursor: str) -> None:
    answer = await api.call("GET", "/v1/reviews", params={"cursor": cursor})
    assert_problem(answer, 422, "invalid_parameter")


async def test_drift_is_told_of_a_version(api: Api) -> None:
    for _ in range(60):
        api.tallies.count(0, {tally_of(MANIFEST, SCORE): 1})
    told = (await api.call("GET", "/v1/models/deepfake/1/drift", params={"window_hours": 2})).json()
    score = told["measures"][0]
    assert (told["level"], told["window_hours"]) == ("large", 2)
    assert (score["measure"], score["counts"], score["videos"]) == ("score", [0, 60], 60)
    assert score["reference"] == {"all": [60, 40], "real": [50, 10]}
    assert score["psi"]["all"]["value"] > 0.25 > score["psi"]["all"]["noise"] > 0
    assert [one["level"] for one in told["measures"][1:]] == ["no_reference"] * 4


async def test_calibration_is_told_of_a_version(api: Api) -> None:
    job_id = await api.ended()
    await api.give(job_id, label="fake")
    told = (await api.call("GET", "/v1/models/deepfake/1/calibration")).json()
    assert told["labels"] == {"fake": 1, "real": 0}
    assert told["figures"]["brier"]["value"] == pytest.approx(0.01)
    assert told["figures"]["auc"] is None
    assert told["confusion"]["fake"] == {"called_fake": 1, "not_called_fake": 0}
    assert "biased sample" in told["warning"]


async def test_unknown_versions_and_odd_names_are_told_apart(api: Api) -> None:
    for what in ("drift", "calibration"):
        assert_problem(await api.call("GET", f"/v1/models/deepfake/9/{what}"), 404, "version_not_found")
        assert_problem(await api.call("GET", f"/v1/models/deepfake/champion/{what}"), 422, "invalid_parameter")
        assert_problem(await api.call("GET", f"/v1/models/..secret/1/{what}"), 422, "invalid_parameter")
    answer = await api.call("GET", "/v1/models/deepfake/1/drift", params={"window_hours": 721})
    assert_problem(answer, 422, "invalid_parameter")


@pytest.mark.logs_errors
async def test_a_table_that_is_away_is_said_to_be(api: Api) -> None:
    api.tallies.error = JobStoreUnavailable("away")
    assert_problem(await api.call("GET", "/v1/models/deepfake/1/drift"), 503, "job_store_unavailable")


async def test_the_secret_is_asked_for_everywhere() -> None:
    api = Api(token=TOKEN)
    for method, path in (
        ("POST", "/v1/jobs/a/feedback"),
        ("GET", "/v1/jobs/a/feedback"),
        ("GET", "/v1/reviews"),
        ("GET", "/v1/models/deepfake/1/drift"),
        ("GET", "/v1/models/deepfake/1/calibration"),
    ):
        assert_problem(await api.call(method, path), 401, "unauthorized")


def test_evidence_is_the_leading_track_of_any_report() -> None:
    document = report_to_dict(make_report())
    evidence = Evidence.of_report(document, keep_sha256=True)
    assert (len(evidence.faces), evidence.verdict, evidence.fake_probability) == (4, "fake", 0.9)
    old = {**document, "face_scores": [{**score} for score in document["face_scores"]]}
    for score in old["face_scores"]:
        del score["fake_logit"]  # as reports were before schema 1.3
    assert Evidence.of_report(old, keep_sha256=True).faces == ()
    squares = {**document, "reasons": ["no_face_fallback"]}
    assert Evidence.of_report(squares, keep_sha256=True).faces == ()
    nothing = {**document, "tracks": [], "face_scores": [], "fake_probability": None}
    assert Evidence.of_report(nothing, keep_sha256=True).faces == ()
