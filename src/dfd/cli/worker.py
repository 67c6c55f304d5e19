"""``dfd worker``: works on jobs that a service, or several, have accepted."""

import signal
import threading
from types import FrameType

from dfd.allocator import keep_to_arenas
from dfd.bootstrap.jobs import build_job_parts
from dfd.bootstrap.live import build_live
from dfd.bootstrap.metrics import backend_listener, build_metrics, open_port, watch
from dfd.bootstrap.tracing import traced
from dfd.cli.exits import ExitCode
from dfd.settings import Settings, load_settings
from dfd.telemetry.logs import configure_logging


def worker(count: int | None, queue: str | None = None) -> int:
    """Work until told to stop; what is being worked on then goes back to the queue. SIGHUP: look for another model now.

    Args:
        count: jobs worked on at the same time; None for the settings' own, at least 1.
        queue: what wakes the workers, as `Settings.job_queue` takes it; None for the settings' own.

    Raises:
        ConfigurationError, ModelError: the settings or the model do not allow it, or `METRICS_PORT` is taken.
        JobStoreUnavailable: the database does not answer at the start.
    """
    settings = load_settings(job_workers=count, job_queue=queue)
    keep_to_arenas(settings.malloc_arena_max)
    configure_logging(settings.log_level)
    with traced(settings):
        return _work(settings)


def _work(settings: Settings) -> int:
    workers = max(1, settings.job_workers)
    metrics = build_metrics()
    job_parts = build_job_parts(settings, metrics)
    live = build_live(
        settings.shared_by(workers),
        tallier=job_parts.tallier(),
        observer=metrics,
        listener=backend_listener(metrics),
    )
    follower, keeper = live.follower, live.keeper(job_parts)
    watch(metrics, live, job_parts)
    crew = job_parts.crew(live.model.analyze, workers)
    port = open_port(settings, metrics)
    stop = threading.Event()

    def told(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, told)
    signal.signal(signal.SIGINT, told)
    if follower is not None:
        nudge = follower.nudge
        signal.signal(signal.SIGHUP, lambda _signal, _frame: nudge())
        follower.start()
    if keeper is not None:
        keeper.start()
    crew.start()
    stop.wait()
    crew.stop()
    if keeper is not None:
        keeper.stop()
    if follower is not None:
        follower.stop()
    if port is not None:
        port.close()
    return ExitCode.DONE
