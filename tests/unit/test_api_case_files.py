"""Reports for people over HTTP: made of the job's report and its upload, bounded, and refused in words."""

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest
from tests.api_client import FakeAnalyzer, assert_problem, client_of, make_services, upload
from tests.case_reports import EVIL, pdf_text
from tests.explained import UNFAITHFUL, explainable
from tests.fakes import FakeBackend, FakeDetector, make_report
from tests.unit.test_api_explanations import REPORT, Shop
from tests.unit.test_explanation_faces import FACE, contrast_of_mouth, explainer, manifest_of, opener
from tests.unit.test_jobs import House

from dfd.errors import BackendUnavailable, UnreadableVideo
from dfd.explanation.explaining import Explainer
from dfd.explanation.videos import ExplainedVideos
from dfd.job import Job

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_the_page_and_the_pdf_show_what_counted(tmp_path: Path) -> None:
    shop = await Shop().opened()
    page = await shop.get("report.html")
    assert page.status_code == 200, page.text
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["x-content-type-options"] == "nosniff"
    assert page.headers["content-security-policy"].startswith("default-src 'none'")
    assert page.text.count('src="data:image/jpeg;base64,') == 6  # frame, crop and map, twice
    assert shop.job_id in page.text
    pdf = await shop.get("report.pdf")
    assert (pdf.status_code, pdf.headers["content-type"]) == (200, "application/pdf")
    assert pdf.headers["content-disposition"] == f'inline; filename="dfd-report-{shop.job_id}.pdf"'
    assert pdf.headers["cache-control"] == "no-store"
    assert "Verdict: fake" in pdf_text(pdf.content, tmp_path)
    assert pdf.content.count(b"/DCTDecode") == 3  # both moments look alike
    letter = await shop.get("report.pdf", paper="letter")
    assert b"[0 0 612 792]" in letter.content
    assert_problem(await shop.get("report.pdf", paper="napkin"), 422, "invalid_parameter")


async def test_pictures_are_made_once_for_each_form() -> None:
    backend = FakeBackend(contrast_of_mouth)
    shop = await Shop(
        videos=ExplainedVideos(opener(), Explainer(FakeDetector([FACE]), backend, manifest_of()))
    ).opened()
    first = (await shop.get("report.html")).content
    asked = len(backend.batch_sizes)
    assert asked
    assert (await shop.get("report.html")).content == first
    assert len(backend.batch_sizes) == asked


async def test_maps_that_are_not_faithful_are_not_shown() -> None:
    shop = await Shop(videos=ExplainedVideos(opener(), explainer(explainable(maps=UNFAITHFUL)))).opened()
    page = (await shop.get("report.html")).text
    assert page.count('src="data:image/jpeg;base64,') == 4
    assert "No heat maps are shown: heat maps did not pass their check" in page


async def test_without_its_upload_a_job_has_a_report_without_pictures() -> None:
    shop = await Shop().opened()
    assert "data:image" in (await shop.get("report.html")).text
    shop.house.store.change(shop.job_id, Job.without_input)
    page = (await shop.get("report.html")).text
    assert "data:image" not in page
    assert "the file is no longer kept" in page


def known() -> House:
    """Whose analyzer's report names the file that is handed in, so that it answers for the same file again."""
    return House(analyzer=FakeAnalyzer(replace(REPORT, input_sha256=hashlib.sha256(b"video").hexdigest())))


async def handed_in_again(shop: Shop) -> str:
    """The same file once more: answered from the first job; that one's id, while the shop speaks of the second."""
    async with client_of(shop.app) as client:
        job = (await client.post("/v1/jobs", files=upload())).json()["jobs"][0]
    assert job["answered_from"] == shop.job_id
    shop.job_id = job["id"]
    return str(job["answered_from"])


async def test_a_job_answered_from_an_earlier_one_shows_the_file_of_that_one() -> None:
    backend = FakeBackend(contrast_of_mouth)
    videos = ExplainedVideos(opener(), Explainer(FakeDetector([FACE]), backend, manifest_of()))
    shop = await Shop(known(), videos).opened()
    first_id = await handed_in_again(shop)
    page = (await shop.get("report.html")).text
    assert page.count('src="data:image/jpeg;base64,') == 6
    asked = len(backend.batch_sizes)
    assert (await shop.get("report.html")).text == page
    assert len(backend.batch_sizes) == asked
    shop.house.store.change(first_id, Job.without_input)
    page = (await shop.get("report.html")).text
    assert "data:image" not in page
    assert "the file is no longer kept" in page


async def test_no_pictures_outlive_the_job_whose_file_they_are_of() -> None:
    shop = await Shop(known()).opened()
    first_id = await handed_in_again(shop)
    assert "data:image" in (await shop.get("report.html")).text
    kept = shop.app.state.explanations._kept
    assert kept._pictures
    async with client_of(shop.app) as client:
        assert (await client.post(f"/v1/jobs/{first_id}/forget")).status_code == 200
    assert not kept._pictures
    assert kept._bytes == 0
    page = (await shop.get("report.html")).text
    assert "data:image" not in page
    assert "the file is no longer kept" in page


async def test_a_job_answered_from_an_earlier_one_is_forgotten_with_its_report_alone() -> None:
    shop = await Shop(known()).opened()
    first_id = await handed_in_again(shop)
    assert "data:image" in (await shop.get("report.html")).text
    async with client_of(shop.app) as client:
        assert (await client.post(f"/v1/jobs/{shop.job_id}/forget")).status_code == 200
    assert not shop.app.state.explanations._kept._pictures
    shop.job_id = first_id
    assert "data:image" in (await shop.get("report.html")).text


async def test_of_another_model_there_are_no_pictures() -> None:
    other = make_report(model=replace(REPORT.model, weights_sha256="00" * 32), face_scores=REPORT.face_scores)
    shop = await Shop(House(analyzer=FakeAnalyzer(other))).opened()
    assert "another version of the model answers now" in (await shop.get("report.html")).text
    silent = await Shop(videos=None).opened()
    assert "another version of the model answers now" in (await silent.get("report.html")).text


async def test_an_upload_that_can_no_longer_be_read_is_told_in_the_report() -> None:
    broken = opener()
    broken.open_error = UnreadableVideo("/secret/place is damaged")
    shop = await Shop(videos=ExplainedVideos(broken, explainer())).opened()
    page = (await shop.get("report.html")).text
    assert "the file can no longer be read as it was" in page
    assert "secret" not in page


async def test_a_report_of_nothing_needs_no_pictures() -> None:
    nothing = make_report(tracks=(), face_scores=(), fake_probability=None)
    shop = await Shop(House(analyzer=FakeAnalyzer(nothing))).opened()
    assert "No face was scored" in (await shop.get("report.html")).text


@pytest.mark.logs_errors
async def test_a_silent_model_is_a_problem_and_not_a_lesser_report() -> None:
    silent = Explainer(FakeDetector([FACE]), FakeBackend(error=BackendUnavailable("no answer")), manifest_of())
    shop = await Shop(videos=ExplainedVideos(opener(), silent)).opened()
    assert_problem(await shop.get("report.pdf"), 503, "backend_unavailable")


async def test_the_owner_s_name_for_the_case_is_shown_and_not_obeyed() -> None:
    house = House(analyzer=FakeAnalyzer(REPORT))
    async with client_of(make_services(house.analyzer, jobs=house.desk)) as client:
        posted = await client.post("/v1/jobs", files={"file": ("a", b"video")}, params={"external_id": EVIL})
        job_id = posted.json()["jobs"][0]["id"]
        address = f"/v1/jobs/{job_id}/report.html"
        assert_problem(await client.get(address), 409, "report_not_ready")
        assert_problem(await client.get("/v1/jobs/nobody/report.pdf"), 404, "job_not_found")
        house.worker().run_one(house.stop)
        page = (await client.get(address)).text
    assert "named by its owner" in page
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)" in page


async def test_too_many_reports_at_a_time_are_refused() -> None:
    shop = await Shop().opened()
    answers: list[Any] = []

    async def ask() -> None:
        answers.append(await shop.get("report.html", n=len(answers)))

    async with anyio.create_task_group() as tasks:
        for _ in range(40):
            tasks.start_soon(ask)
    assert {answer.status_code for answer in answers} == {200, 503}
    assert_problem(next(answer for answer in answers if answer.status_code == 503), 503, "overloaded")
