"""The dashboard of models: versions, rollouts, drift and model servers."""

from typing import Final

from deploy.grafana.panels import Panel, Row
from deploy.grafana.queries import DFD, mean, quantiles, rate

ROWS: Final = (
    Row(
        "In force",
        (
            Panel(
                "Model of each process",
                {"": f"max by (instance, model, model_version, weights_sha256) (dfd_model_info{{{DFD}}})"},
                kind="table",
            ),
            Panel("Switches", {"": f"sum(dfd_model_switches_total{{{DFD}}})"}, kind="stat"),
            Panel(
                "Processes that are behind",
                {"": f"sum(dfd_model_behind{{{DFD}}})"},
                kind="stat",
                meaning="They cannot take over the version that the alias names. No data: no alias is followed.",
                limits=(1, 1),
            ),
            Panel(
                "Refused versions",
                {"{{code}}": f"sum by (code) (dfd_model_refusals_total{{{DFD}}})"},
                kind="stat",
                meaning="No data: none was.",
            ),
        ),
    ),
    Row(
        "Answers",
        (
            Panel(
                "By version and verdict",
                {"{{model_version}} {{verdict}}": rate("dfd_analyses_total", "model_version, verdict")},
                "ops",
                stacked=True,
            ),
            Panel("Reasons", {"{{reason}}": rate("dfd_analysis_reasons_total", "reason")}, "ops"),
            Panel(
                "Probability of fake, videos",
                {"{{le}}": "sum by (le) (increase(dfd_video_fake_probability_bucket{" + DFD + "}[$__rate_interval]))"},
                kind="heatmap",
            ),
            Panel(
                "Probability of fake, faces",
                {"{{le}}": "sum by (le) (increase(dfd_face_fake_probability_bucket{" + DFD + "}[$__rate_interval]))"},
                kind="heatmap",
            ),
            Panel(
                "Mean probability of fake, videos",
                {"{{model_version}}": mean("dfd_video_fake_probability", "model_version")},
                "percentunit",
            ),
            Panel(
                "Faces of a video",
                {
                    "{{model_version}}": f"{rate('dfd_scored_faces_total', 'model_version')} / "
                    f"{rate('dfd_analyses_total', 'model_version')}"
                },
            ),
        ),
    ),
    Row(
        "Rollout",
        (
            Panel(
                "The newest",
                {"": f"max by (model, champion, challenger, mode, state) (dfd_rollout_info{{{DFD}}})"},
                kind="table",
            ),
            Panel("Runs", {"{{model}}": f"max by (model) (dfd_rollout_running{{{DFD}}})"}, kind="stat"),
            Panel("Files judged", {"{{arm}}": f"max by (arm) (dfd_rollout_observations{{{DFD}}})"}, kind="stat"),
            Panel(
                "Guard rails, as shares of their limits",
                {
                    "{{rail}}": f"max by (rail) (dfd_rollout_rail_value{{{DFD}}}) "
                    f"/ max by (rail) (dfd_rollout_rail_limit{{{DFD}}} > 0)"
                },
                "percentunit",
                meaning="From 100 % on, the challenger leaves once the difference is certain.",
            ),
        ),
    ),
    Row(
        "Drift",
        (
            Panel(
                "Population stability index",
                {
                    "{{measure}}, {{reference}} ({{model_version}})": "max by (model_version, measure, reference) "
                    f"(dfd_drift_psi{{{DFD}}})",
                    "chance: {{measure}}, {{reference}} ({{model_version}})": "max by "
                    f"(model_version, measure, reference) (dfd_drift_noise{{{DFD}}})",
                },
                meaning="Of the last week, against the model's reference, and what it stays below by chance 95 times "
                "in 100. The alert DfdDrift fires where both references are above 0.25 and above chance.",
            ),
            Panel(
                "Videos that drift is told from",
                {"{{measure}}": f"max by (measure) (dfd_drift_videos{{{DFD}}})"},
            ),
        ),
    ),
    Row(
        "Model servers",
        (
            Panel(
                "Events",
                {"{{backend}} {{event}} {{cause}}": rate("dfd_backend_events_total", "backend, event, cause")},
                "ops",
                meaning="No data: the model is in the processes themselves.",
            ),
            Panel(
                "Time of a request",
                quantiles("dfd_backend_request_duration_seconds", "backend"),
                "s",
            ),
            Panel(
                "Left alone",
                {"{{backend}}": f"max by (backend) (dfd_backend_breaker_open{{{DFD}}})"},
                kind="stat",
                meaning="1 while requests to it fail so often that none are sent.",
                limits=(1, 1),
            ),
        ),
    ),
)
