"""The dashboard of the service: what callers feel, and where the time goes."""

from typing import Final

from deploy.grafana.panels import Panel, Row
from deploy.grafana.queries import DFD, ITS, OF_CALLERS, quantiles, rate

ROWS: Final = (
    Row(
        "Now",
        (
            Panel("Processes that answer", {"": f"sum(up{{{DFD}}})"}, kind="stat"),
            Panel("Requests of callers", {"": "dfd:http_requests_of_callers:rate5m"}, "reqps", "stat"),
            Panel(
                "Errors of the service",
                {"": "dfd:http_errors:ratio_rate5m"},
                "percentunit",
                "stat",
                "5xx but 503; the alert DfdErrors fires from 1 %.",
                (0.001, 0.01),
            ),
            Panel(
                "Told to come back later",
                {"": "dfd:http_refusals:ratio_rate5m"},
                "percentunit",
                "stat",
                "503; the alert DfdRefuses fires from 5 %.",
                (0.01, 0.05),
            ),
            Panel(
                "Alerts that fire",
                {"": 'count(ALERTS{alertname=~"Dfd.+", alertstate="firing"}) or vector(0)'},
                kind="stat",
                limits=(1, 1),
            ),
            Panel("Version", {"{{version}}": f"count by (version) (dfd_build_info{{{DFD}}})"}, kind="stat"),
        ),
    ),
    Row(
        "Requests",
        (
            Panel("By route", {"{{route}}": rate("dfd_http_requests_total", "route")}, "reqps", stacked=True),
            Panel("By status", {"{{status}}": rate("dfd_http_requests_total", "status")}, "reqps", stacked=True),
            Panel(
                "Time to the end of the answer",
                quantiles("dfd_http_request_duration_seconds", selector=OF_CALLERS),
                "s",
                meaning="Without probes and streams of events.",
            ),
            Panel(
                "At the moment",
                {
                    "requests {{instance}}": f"dfd_http_requests_in_progress{{{ITS}}}",
                    "analyses {{instance}}": f"dfd_analyses_in_progress{{{ITS}}}",
                },
            ),
            Panel("Received", {"{{route}}": rate("dfd_http_received_bytes_total", "route")}, "Bps", stacked=True),
        ),
    ),
    Row(
        "Analyses",
        (
            Panel("By verdict", {"{{verdict}}": rate("dfd_analyses_total", "verdict")}, "ops", stacked=True),
            Panel(
                "Failures",
                {"{{kind}}: {{code}}": rate("dfd_analysis_failures_total", "kind, code")},
                "ops",
                meaning="media: the file is at fault. service: we are.",
                stacked=True,
            ),
            Panel("Stages, p95", {"{{stage}}": "dfd:analysis_stage_duration_seconds:p95_rate5m"}, "s"),
            Panel(
                "Where the time goes",
                {"{{stage}}": rate("dfd_analysis_stage_duration_seconds_sum", "stage", f'{DFD}, stage!="total"')},
                "s",
                meaning="Seconds a second; stages that run side by side are counted each.",
                stacked=True,
            ),
            Panel(
                "Video analysed",
                {"seconds a second": rate("dfd_analysed_media_seconds_total")},
                meaning="1 is as fast as it plays.",
            ),
            Panel(
                "Frames and faces",
                {"frames": rate("dfd_sampled_frames_total"), "faces": rate("dfd_scored_faces_total")},
                "ops",
            ),
        ),
    ),
    Row(
        "Processes",
        (
            Panel("Memory", {"{{instance}}": f"process_resident_memory_bytes{{{ITS}}}"}, "bytes"),
            Panel("Processors", {"{{instance}}": rate("process_cpu_seconds_total", "instance", ITS)}),
            Panel(
                "Open files, of those allowed",
                {"{{instance}}": f"process_open_fds{{{ITS}}} / process_max_fds{{{ITS}}}"},
                "percentunit",
            ),
            Panel(
                "Age",
                {"{{instance}}": f"time() - process_start_time_seconds{{{ITS}}}"},
                "s",
                meaning="Falls to nothing when a process begins anew.",
            ),
        ),
    ),
)
