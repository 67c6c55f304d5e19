"""The dashboard of jobs: the queue, and those who work on it."""

from typing import Final

from deploy.grafana.panels import Panel, Row
from deploy.grafana.queries import DFD, ITS, mean, quantiles, rate

ROWS: Final = (
    Row(
        "Now",
        (
            Panel("Waiting", {"": 'dfd:jobs:max{state="queued"}'}, kind="stat"),
            Panel("Running", {"": 'dfd:jobs:max{state="running"}'}, kind="stat"),
            Panel(
                "The oldest has waited",
                {"": "dfd:oldest_queued_job_age_seconds:max"},
                "s",
                "stat",
                "The alert DfdJobsWait fires from 15 minutes.",
                (300, 900),
            ),
            Panel(
                "Processes without the table",
                {"": f"count(dfd_job_table_up{{{DFD}}} == 0) or vector(0)"},
                kind="stat",
                limits=(1, 1),
            ),
        ),
    ),
    Row(
        "Queue",
        (
            Panel("Jobs", {"{{state}}": "dfd:jobs:max"}, stacked=True),
            Panel("Ended", {"{{state}}": rate("dfd_jobs_ended_total", "state")}, "ops", stacked=True),
            Panel("Wait until the last attempt", quantiles("dfd_job_wait_seconds"), "s"),
            Panel("Last attempt", quantiles("dfd_job_duration_seconds"), "s"),
            Panel("Failures", {"{{code}}": rate("dfd_job_failures_total", "code")}, "ops", stacked=True),
            Panel(
                "Attempts of a job",
                {"mean": mean("dfd_job_attempts")},
                meaning="More than 1: workers die or the storage is away. Less: answers were known.",
            ),
        ),
    ),
    Row(
        "Workers",
        (
            Panel("Analyses", {"{{instance}}": f"dfd_analyses_in_progress{{{ITS}}}"}, stacked=True),
            Panel("Jobs ended by each", {"{{instance}}": rate("dfd_jobs_ended_total", "instance", ITS)}, "ops"),
            Panel("Memory", {"{{instance}}": f"process_resident_memory_bytes{{{ITS}}}"}, "bytes"),
            Panel("Processors", {"{{instance}}": rate("process_cpu_seconds_total", "instance", ITS)}),
        ),
    ),
    Row(
        "Webhooks",
        (Panel("Attempts", {"{{outcome}}": rate("dfd_webhook_attempts_total", "outcome")}, "ops", stacked=True),),
    ),
)
