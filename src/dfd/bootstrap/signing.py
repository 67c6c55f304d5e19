"""What writes reports, from settings: as they are, or signed."""

from collections.abc import Callable
from typing import Any

from dfd.errors import ConfigurationError
from dfd.report import Report
from dfd.reporting import report_to_dict
from dfd.settings import Settings

Write = Callable[[Report], dict[str, Any]]
"""Makes the JSON-ready form of a report (`dfd.reporting.report_to_dict`), signed or not."""


def build_writer(settings: Settings) -> tuple[Write, tuple[dict[str, str], ...]]:
    """What writes reports, and the public keys that check them, as JSON Web Keys; none where they are not signed.

    Raises:
        ConfigurationError: the key cannot be read, or the package that signs is not installed.
    """
    if settings.report_signing_key is None:
        return report_to_dict, ()
    try:
        from dfd.signatures.keys import read_signing_key  # noqa: PLC0415 - an extra that most do without
        from dfd.signatures.reports import signed_report  # noqa: PLC0415 - likewise
    except ImportError as error:
        raise ConfigurationError("REPORT_SIGNING_KEY needs pip install 'dfd[sign]'") from error
    key = read_signing_key(settings.report_signing_key)
    return lambda report: signed_report(report_to_dict(report), key), (key.public.jwk,)
