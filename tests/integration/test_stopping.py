"""Processes that are told to stop: what is under way is answered, finished or handed back; nothing else is begun."""

import os
import re
import signal
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from tests.integration.test_jobs_processes import SOON_S, Place, _answers, job_of, long_clip, short_clip, submit
from tests.live_service import START_LIMIT_S, picture, until
from tests.scripted_server import Script, scripted_server
from tests.servers import free_port

from dfd.registry.directory import DirectoryRegistry

__all__ = ["long_clip", "short_clip"]  # fixtures

STOPPED = (0, -signal.SIGTERM)


def in_progress(client: httpx.Client) -> int:
    return int(client.get("/health").json()["running"])


@pytest.mark.slow
def test_a_request_under_way_is_answered_and_the_proxy_told_meanwhile(tmp_path: Path, long_clip: Path) -> None:
    place = Place(tmp_path, STOP_DELAY_S="4", STOP_LIMIT_S="300")
    with place.service(JOB_WORKERS="0") as (running, client), ThreadPoolExecutor(1) as pool:
        content = long_clip.read_bytes()
        url = f"{client.base_url}/predict"
        answer = pool.submit(
            httpx.post, url, params={"fps": 30}, files={"file": content}, timeout=SOON_S, headers={"X-Request-ID": "r"}
        )
        until(lambda: in_progress(client) == 1, SOON_S)
        assert client.get("/readyz").status_code == 200
        running.send_signal(signal.SIGTERM)
        until(lambda: client.get("/readyz").status_code == 503, SOON_S)
        late = client.get("/health")  # whoever has not heard yet is answered, and asked to come another way next time
        assert (late.status_code, late.headers["connection"]) == (200, "close")
        assert answer.result(SOON_S).status_code == 200
        assert running.wait(START_LIMIT_S) in STOPPED
    assert not [line for line in place.log if line["log.level"] in ("warning", "error")]


@pytest.mark.slow
def test_an_answer_that_takes_too_long_is_broken_off_and_the_process_ends(tmp_path: Path, short_clip: Path) -> None:
    script = Script(versions={"2": "AVAILABLE"})
    with ExitStack() as stack:
        silent = stack.enter_context(scripted_server(script))
        place = Place(
            tmp_path, STOP_LIMIT_S="1", MODEL_BACKEND="oip", OIP_URL=silent.http_url, REQUEST_TIMEOUT=str(SOON_S)
        )
        script.manifest = DirectoryRegistry(tmp_path / "models").load("deepfake", "2").manifest
        running, client = stack.enter_context(place.service(JOB_WORKERS="0"))
        script.delay_s = SOON_S  # from now on
        pool = stack.enter_context(ThreadPoolExecutor(1))
        url, content = f"{client.base_url}/predict", short_clip.read_bytes()
        answer = pool.submit(httpx.post, url, files={"file": content}, timeout=SOON_S)
        until(lambda: in_progress(client) == 1, SOON_S)
        running.send_signal(signal.SIGTERM)
        told = answer.result(SOON_S)
        assert (told.status_code, told.json()["code"], told.headers["retry-after"]) == (503, "unavailable", "1")
        assert running.wait(START_LIMIT_S) in STOPPED
    assert not list((tmp_path / "temporary").iterdir())


@pytest.mark.slow
def test_a_service_that_stops_begins_no_job_while_it_answers(tmp_path: Path, long_clip: Path, short_clip: Path) -> None:
    place = Place(tmp_path, STOP_LIMIT_S="300", JOB_WORKERS="1")
    with place.service() as (running, client), ThreadPoolExecutor(1) as pool:
        url, content = f"{client.base_url}/predict", long_clip.read_bytes()
        answer = pool.submit(httpx.post, url, params={"fps": 30}, files={"file": content}, timeout=SOON_S)
        until(lambda: in_progress(client) == 1, SOON_S)
        ids = [submit(client, long_clip, fps=30), *(submit(client, short_clip, force=True) for _ in range(3))]
        until(lambda: job_of(client, ids[0])["state"] == "running", SOON_S)
        running.send_signal(signal.SIGTERM)
        assert answer.result(SOON_S).status_code == 200
        assert running.wait(START_LIMIT_S) in STOPPED
    begun = [line["dfd.job_id"] for line in place.log if line["message"] == "job begun"]
    assert begun == ids[:1]
    with place.process("worker"), place.service(JOB_WORKERS="0") as (_running, client):
        until(lambda: all(job_of(client, job_id)["finished_at"] for job_id in ids), SOON_S)
        assert {job_of(client, job_id)["state"] for job_id in ids} == {"succeeded"}
    ends = [line["dfd.job_id"] for line in place.log if line["message"] == "job ended"]
    assert sorted(ends) == sorted(ids)


@pytest.mark.slow
@pytest.mark.parametrize(("grace_s", "ends_in"), [("600", "first"), ("0", "second")])
def test_a_job_is_finished_within_the_grace_or_handed_to_another_at_once(
    grace_s: str, ends_in: str, tmp_path: Path, long_clip: Path
) -> None:
    place = Place(tmp_path, JOB_LEASE_S="600", JOB_STOP_GRACE_S=grace_s)
    with place.service(JOB_WORKERS="0") as (_running, client), place.process("worker") as first:
        job_id = submit(client, long_clip, fps=30)
        until(lambda: job_of(client, job_id)["progress"]["done_frames"] > 0, SOON_S)
        with place.process("worker") as second:
            first.send_signal(signal.SIGTERM)
            assert first.wait(START_LIMIT_S) == 0
            until(lambda: job_of(client, job_id)["finished_at"] is not None, SOON_S)
            told = job_of(client, job_id)
            pids = {"first": first.pid, "second": second.pid}
    assert (told["state"], told["attempts"]) == ("succeeded", 1)
    [end] = [line for line in place.log if line["message"] == "job ended"]
    assert end["process.pid"] == pids[ends_in]


@dataclass
class Callers:
    """Clients who keep asking, over connections that they keep; what any of them was not given is remembered.

    Attributes:
        url: of the service.
        failures: what was no answer, or none with 200.
        answers: how many there were.
    """

    url: str
    failures: list[str] = field(default_factory=list)
    answers: int = 0
    stop: threading.Event = field(default_factory=threading.Event)

    def ask(self) -> None:
        content = picture()
        with httpx.Client(base_url=self.url, timeout=SOON_S) as client:
            while not self.stop.is_set():
                for path, files in (("/livez", None), ("/predict", {"file": content}), ("/health", None)):
                    try:
                        answer = client.post(path, files=files) if files else client.get(path)
                        if answer.status_code != 200:
                            self.failures.append(f"{path}: {answer.status_code} {answer.text}")
                    except httpx.TransportError as error:
                        self.failures.append(f"{path}: {error!r}")
                    self.answers += 1

    @contextmanager
    def asking(self, count: int) -> Iterator[None]:
        with ThreadPoolExecutor(count) as pool:
            callers = [pool.submit(self.ask) for _ in range(count)]
            try:
                yield
            finally:
                self.stop.set()
            for caller in callers:
                caller.result()


@contextmanager
def rolling(place: Place) -> Iterator[tuple["subprocess.Popen[bytes]", str]]:
    url = f"http://127.0.0.1:{free_port()}"
    with place.process("serve", "--rolling", "--port", url.rpartition(":")[2]) as running:
        with httpx.Client(base_url=url, timeout=60) as client:
            until(lambda: running.poll() is None and _answers(client), START_LIMIT_S)
        try:
            yield running, url
        finally:
            if running.poll() is None:
                running.send_signal(signal.SIGTERM)
                running.wait(START_LIMIT_S)


def took_over(place: Place) -> list[str]:
    return [line["message"] for line in place.log if "takes over" in line["message"]]


@pytest.mark.slow
def test_no_request_is_lost_while_one_service_replaces_another(tmp_path: Path) -> None:
    place = Place(tmp_path, METRICS_PORT=str(free_port()), MAX_CONCURRENCY="8")
    with rolling(place) as (running, url):
        callers = Callers(url)
        with callers.asking(3):
            for count in (1, 2):
                before = callers.answers
                running.send_signal(signal.SIGUSR2)
                until(lambda: len(took_over(place)) == count, SOON_S)  # noqa: B023 - called at once
                until(lambda: callers.answers > before + 20, SOON_S)  # noqa: B023 - likewise
        running.send_signal(signal.SIGTERM)
        assert running.wait(START_LIMIT_S) == 0
    assert callers.failures == []
    served_by = {line["process.pid"] for line in place.log if line["message"] == "request answered"}
    assert len(served_by) == 3
    assert not [pid for pid in served_by if Path(f"/proc/{pid}").exists()]


def scraped(port: str) -> set[str]:
    """When the processes began that answered twelve scrapes; a scrape that was cut off tells of none."""
    began = set[str]()
    for _ in range(12):
        with suppress(httpx.TransportError):
            text = httpx.get(f"http://127.0.0.1:{port}/metrics").text
            began.update(re.findall(r"^process_start_time_seconds (\S+)", text, re.MULTILINE))
    return began


@pytest.mark.slow
def test_a_service_that_was_replaced_is_scraped_no_more_while_it_still_answers(
    tmp_path: Path, short_clip: Path
) -> None:
    script, port = Script(versions={"2": "AVAILABLE"}), str(free_port())
    with ExitStack() as stack:
        served = stack.enter_context(scripted_server(script))
        of_model = {"MODEL_BACKEND": "oip", "OIP_URL": served.http_url, "REQUEST_TIMEOUT": str(SOON_S)}
        place = Place(tmp_path, METRICS_PORT=port, JOB_WORKERS="0", STOP_LIMIT_S="300", **of_model)
        script.manifest = DirectoryRegistry(tmp_path / "models").load("deepfake", "2").manifest
        running, url = stack.enter_context(rolling(place))
        [old] = scraped(port)
        pool = stack.enter_context(ThreadPoolExecutor(1))
        script.delay_s = 45.0
        before, content = len(script.requests), short_clip.read_bytes()
        answer = pool.submit(httpx.post, f"{url}/predict", files={"file": content}, timeout=SOON_S)
        until(lambda: len(script.requests) > before, SOON_S)
        script.delay_s = 0.0  # for the successor
        running.send_signal(signal.SIGUSR2)
        until(lambda: len(took_over(place)) == 1, SOON_S)
        until(lambda: answer.done() or old not in scraped(port), SOON_S)
        assert not answer.done()
        assert answer.result(SOON_S).status_code == 200


@pytest.mark.slow
def test_what_is_typed_at_a_terminal_cuts_nobody_off(tmp_path: Path, long_clip: Path) -> None:
    place = Place(tmp_path, JOB_WORKERS="0", STOP_LIMIT_S="300")
    with rolling(place) as (running, url), httpx.Client(base_url=url) as client, ThreadPoolExecutor(1) as pool:
        content = long_clip.read_bytes()
        asked = {"params": {"fps": 30}, "files": {"file": content}, "timeout": SOON_S}
        answer = pool.submit(lambda: httpx.post(f"{url}/predict", **asked))  # type: ignore[arg-type]
        until(lambda: in_progress(client) == 1, SOON_S)
        [pid] = {line["process.pid"] for line in place.log if line["message"].startswith("listening on")}
        for one in (pid, running.pid):  # Ctrl-C reaches every process there
            os.kill(one, signal.SIGINT)
        assert answer.result(SOON_S).status_code == 200
        assert running.wait(START_LIMIT_S) == 0


@pytest.mark.slow
@pytest.mark.logs_errors
def test_a_successor_that_cannot_start_changes_nothing(tmp_path: Path) -> None:
    place = Place(tmp_path)
    with rolling(place) as (running, url):
        (place.folder / "models").rename(place.folder / "elsewhere")
        running.send_signal(signal.SIGUSR2)
        until(lambda: any("did not start" in line["message"] for line in place.log), SOON_S)
        assert httpx.get(f"{url}/readyz").status_code == 200
        running.send_signal(signal.SIGTERM)
        assert running.wait(START_LIMIT_S) == 0


@pytest.mark.slow
def test_a_rolling_service_that_cannot_start_says_so_and_one_that_dies_takes_its_parent_along(tmp_path: Path) -> None:
    place = Place(tmp_path)
    with place.process("serve", "--rolling", "--port", str(free_port()), MODELS_DIR="nowhere") as running:
        assert running.wait(START_LIMIT_S) == 4
    with rolling(place) as (running, _url):
        [pid] = {line["process.pid"] for line in place.log if line["message"].startswith("listening on")}
        os.kill(pid, signal.SIGKILL)
        assert running.wait(START_LIMIT_S) == 70
