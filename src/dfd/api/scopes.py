"""What each route needs, and whose things it shows: one table, which a test holds against the application.

A route that is in neither table is refused to everyone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from dfd.caller import Scope
from dfd.errors import Forbidden


class Reach(StrEnum):
    """Whose things a route shows or changes."""

    TENANT = "tenant"
    """The caller's tenant's alone: another's are as if they did not exist."""
    SERVICE = "service"
    """The service's as a whole; nothing of any one tenant."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What a guarded route needs, and how far it reaches."""

    scope: Scope
    reach: Reach = Reach.TENANT


RULES: Final[Mapping[str, Rule]] = {
    "predict": Rule(Scope.ANALYSE),
    "submit_jobs": Rule(Scope.JOBS_WRITE),
    "list_jobs": Rule(Scope.JOBS_READ),
    "get_job": Rule(Scope.JOBS_READ),
    "cancel_job": Rule(Scope.JOBS_WRITE),
    "forget_job": Rule(Scope.JOBS_WRITE),
    "get_report": Rule(Scope.JOBS_READ),
    "get_report_page": Rule(Scope.JOBS_READ),
    "get_report_pdf": Rule(Scope.JOBS_READ),
    "listen_to_job": Rule(Scope.JOBS_READ),
    "list_artifacts": Rule(Scope.JOBS_READ),
    "get_artifact": Rule(Scope.JOBS_READ),
    "list_deliveries": Rule(Scope.JOBS_READ),
    "replay_delivery": Rule(Scope.JOBS_WRITE),
    "get_heat_map": Rule(Scope.JOBS_READ),
    "get_regions": Rule(Scope.JOBS_READ),
    "get_face": Rule(Scope.JOBS_READ),
    "give_feedback": Rule(Scope.FEEDBACK),
    "list_feedback": Rule(Scope.FEEDBACK),
    "list_reviews": Rule(Scope.FEEDBACK),
    "list_models": Rule(Scope.MODELS_READ, Reach.SERVICE),
    "get_drift": Rule(Scope.MODELS_READ, Reach.SERVICE),
    "get_calibration": Rule(Scope.MODELS_READ, Reach.SERVICE),
    "new_analysis": Rule(Scope.JOBS_WRITE, Reach.SERVICE),
    "one_analysis": Rule(Scope.JOBS_READ),
    "all_analyses": Rule(Scope.JOBS_READ),
    "compare": Rule(Scope.JOBS_READ),
    "get_media": Rule(Scope.JOBS_READ),
    "overview": Rule(Scope.MODELS_READ),
    "session": Rule(Scope.JOBS_READ, Reach.SERVICE),
}
"""By the name of the route, which is that of its function."""

OPEN: Final = frozenset(
    {
        "health",
        "livez",
        "readyz",
        "metrics",
        "signing_keys",
        "openapi",
        "swagger_ui_html",
        "swagger_ui_file",
        "get_asset",
        "ask_to_sign_in",
        "sign_in",
        "sign_out",
    }
)
"""Routes that ask for no credential: they show nothing of any tenant."""


def rule_of(route: str) -> Rule:
    """The rule of a guarded route.

    Raises:
        Forbidden: it has none.
    """
    rule = RULES.get(route)
    if rule is None:
        raise Forbidden("nobody may do this")
    return rule
