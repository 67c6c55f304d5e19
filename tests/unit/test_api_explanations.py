"""Maps, regions and pictures of faces over HTTP."""

import threading
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import anyio
import pytest
from tests.api_client import FakeAnalyzer, assert_problem, client_of, make_services, upload
from tests.explained import UNFAITHFUL, explainable
from tests.fakes import FakeBackend, FakeDetector, FakeVideoOpener, make_face_score, make_report
from tests.unit.test_explanation_faces import FACE, contrast_of_mouth, explainer, manifest_of, opener
from tests.unit.test_jobs import QUICK, House

from dfd.api.app import create_app
from dfd.api.explanations import ExplanationDesk, KeptPictures
from dfd.api.services import Services
from dfd.errors import BackendUnavailable, UnreadableVideo
from dfd.explanation.explaining import Explainer
from dfd.explanation.regions import Region
from dfd.explanation.videos import ExplainedVideos
from dfd.manifest import ModelManifest
from dfd.report import Explanation, RegionEvidence
from dfd.rollout.live import LiveModel, LoadedModel

pytestmark = pytest.mark.anyio

REPORT = make_report(
    face_scores=tuple(make_face_score(frame_index=n, pts_s=n / 2, box=FACE.box) for n in range(4)),
)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@dataclass
class Shop:
    """A service with one job that has ended."""

    house: House = field(default_factory=lambda: House(analyzer=FakeAnalyzer(REPORT)))
    videos: ExplainedVideos | None = field(default_factory=lambda: ExplainedVideos(opener(), explainer()))
    manifest: ModelManifest = field(default_factory=manifest_of)
    job_id: str = ""
    app: Any = None

    async def opened(self, **policy: Any) -> "Shop":
        plain = make_services(self.house.analyzer, jobs=self.house.desk, **policy)
        model = LoadedModel(self.house.analyzer, FakeBackend(), self.manifest, self.videos)
        services: Services = replace(plain, model=LiveModel(model))
        self.app = create_app(services)
        async with client_of(self.app) as client:
            self.job_id = (await client.post("/v1/jobs", files=upload())).json()["jobs"][0]["id"]
        assert self.house.worker().run_one(self.house.stop)
        return self

    async def get(self, path: str, **query: Any) -> Any:
        async with client_of(self.app) as client:
            return await client.get(f"/v1/jobs/{self.job_id}/{path}", params=query)


async def test_a_map_is_drawn_once() -> None:
    backend = FakeBackend(contrast_of_mouth)
    videos = ExplainedVideos(opener(), Explainer(FakeDetector([FACE]), backend, manifest_of()))
    shop = await Shop(videos=videos).opened()
    answer = await shop.get("heatmaps", track=0, t=0.6)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.content.startswith(b"\x89PNG")
    asked = len(backend.batch_sizes)
    assert (await shop.get("heatmaps", track=0, t=0.5)).content == answer.content  # the same sampled face
    assert len(backend.batch_sizes) == asked
    assert (await shop.get("heatmaps", track=0, t=0.5, form="layer", side=64)).content != answer.content


async def test_a_face_is_shown_also_of_a_model_that_is_not_explained() -> None:
    shop = await Shop(videos=ExplainedVideos(opener(), explainer(explainable(maps=UNFAITHFUL)))).opened()
    answer = await shop.get("faces/0.jpg", side=64)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.content.startswith(b"\xff\xd8")
    refused = assert_problem(await shop.get("heatmaps"), 409, "explanation_unavailable")
    assert "did not pass" in refused["detail"]


async def test_regions_are_told_and_taken_from_a_report_that_has_them() -> None:
    shop = await Shop().opened()
    answer = await shop.get("regions", track=0)
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert [one["region"] for one in told["regions"]] == [region.value for region in Region]
    assert (await shop.get("regions", track=0)).json() == told
    known = Explanation({0: (RegionEvidence("mouth", 1.5, 0.25),)})
    there = await Shop(House(analyzer=FakeAnalyzer(replace(REPORT, explanation=known)))).opened()
    expected = [{"region": "mouth", "evidence_logit": 1.5, "area_share": 0.25}]
    assert (await there.get("regions", track=0)).json() == {"track_id": 0, "regions": expected}


@pytest.mark.parametrize(
    ("path", "query", "status", "code"),
    [
        ("heatmaps", {"track": 4}, 404, "face_not_found"),
        ("heatmaps", {"t": 50}, 404, "face_not_found"),
        ("faces/4.jpg", {}, 404, "face_not_found"),
        ("faces/x.jpg", {}, 422, "invalid_parameter"),
        ("regions", {"track": 4}, 404, "face_not_found"),
        ("regions", {}, 422, "invalid_parameter"),
        ("heatmaps", {"t": "nan"}, 422, "invalid_parameter"),
        ("heatmaps", {"t": -1}, 422, "invalid_parameter"),
        ("heatmaps", {"side": 100_000}, 422, "invalid_parameter"),
        ("heatmaps", {"form": "other"}, 422, "invalid_parameter"),
    ],
)
async def test_what_is_not_there_is_told(path: str, query: dict[str, Any], status: int, code: str) -> None:
    assert_problem(await (await Shop().opened()).get(path, **query), status, code)


async def test_nothing_is_shown_of_an_upload_that_is_gone() -> None:
    shop = await Shop().opened()
    assert (await shop.get("faces/0.jpg")).status_code == 200
    job = shop.house.job(shop.job_id)
    shop.house.store.change(job.job_id, lambda found: found.without_input())
    for path, query in (("heatmaps", {}), ("faces/0.jpg", {}), ("regions", {"track": 0})):
        assert_problem(await shop.get(path, **query), 404, "artifact_not_found")


async def test_a_job_without_a_report_or_no_job_at_all() -> None:
    shop = await Shop(House(analyzer=FakeAnalyzer(error=UnreadableVideo("no video")))).opened()
    for path, query in (("heatmaps", {}), ("faces/0.jpg", {}), ("regions", {"track": 0})):
        assert_problem(await shop.get(path, **query), 409, "report_not_ready")
    shop.job_id = "none"
    assert_problem(await shop.get("heatmaps"), 404, "job_not_found")


def failing(error: Exception) -> ExplainedVideos:
    return ExplainedVideos(FakeVideoOpener(open_error=error), explainer())


@pytest.mark.logs_errors
async def test_what_fails_tells_nothing_of_the_server() -> None:
    broken = await Shop(videos=failing(UnreadableVideo("/secret/place is damaged"))).opened()
    told = assert_problem(await broken.get("heatmaps"), 422, "unreadable_video")
    assert "secret" not in told["detail"]
    away = await Shop(videos=failing(BackendUnavailable("10.0.0.1 is away"))).opened()
    told = assert_problem(await away.get("heatmaps"), 503, "backend_unavailable")
    assert "10.0" not in told["detail"]
    none = await Shop(videos=None).opened()
    assert_problem(await none.get("heatmaps"), 409, "explanation_unavailable")


class SlowOpener(FakeVideoOpener):
    """Opens when it is told to."""

    def __init__(self, go: threading.Event) -> None:
        super().__init__()
        self._go = go

    def open(self, path: Path) -> Any:
        assert self._go.wait(20)
        return opener().open(path)


async def test_too_many_pictures_at_a_time_are_refused_while_others_are_answered() -> None:
    go = threading.Event()
    shop = await Shop(videos=ExplainedVideos(SlowOpener(go), explainer())).opened(max_concurrency=2)
    statuses: list[int] = []

    async def ask() -> None:
        statuses.append((await shop.get("faces/0.jpg")).status_code)

    async with anyio.create_task_group() as group:
        for _ in range(20):
            group.start_soon(ask)
        with anyio.fail_after(20):
            while len(statuses) < 3:  # one is made, sixteen wait
                await anyio.sleep(0.01)
        assert statuses == [503] * 3
        async with client_of(shop.app) as client:
            assert (await client.get("/livez")).status_code == 200
        go.set()
    assert statuses.count(200) == 17


async def test_who_waits_long_for_a_picture_is_told_to_come_back_and_his_turn_goes_to_others() -> None:
    go = threading.Event()
    shop = await Shop(videos=ExplainedVideos(SlowOpener(go), explainer())).opened(max_concurrency=2)
    shop.app.state.explanations = ExplanationDesk(shop.app.state.services, longest_wait_s=0.01)
    answers: list[Any] = []

    async def ask() -> None:
        answers.append(await shop.get("faces/0.jpg"))

    async with anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(ask)
        with anyio.fail_after(20):
            while len(answers) < 2:
                await anyio.sleep(0.01)
        for answer in answers:
            assert_problem(answer, 503, "overloaded")
            assert answer.headers["retry-after"].isdecimal()
        go.set()
    assert answers[2].status_code == 200
    assert (await shop.get("faces/0.jpg", side=200)).status_code == 200


async def test_a_job_may_be_asked_to_explain() -> None:
    house = House(analyzer=FakeAnalyzer(REPORT), policy=QUICK)
    shop = await Shop(house).opened()
    async with client_of(shop.app) as client:
        answer = await client.post("/v1/jobs", params={"explain": True}, files=upload())
    (job,) = answer.json()["jobs"]
    assert job["answered_from"] is None  # another question than without explaining
    assert house.worker().run_one(house.stop)
    assert [options.explain for options in house.analyzer.options] == [False, True]


def test_the_pictures_asked_for_last_are_kept() -> None:
    kept = KeptPictures(most_bytes=10)
    for name in "abc":
        kept.put(name, b"1234")
        kept.get("a")
    assert kept.get("a") == b"1234"
    assert kept.get("b") is None
    kept.put("a", b"12345678901")
    assert kept.get("a") is None
    assert kept.get("c") is None
