"""What reads content credentials, from settings."""

import hashlib
from collections.abc import Mapping

from dfd.credentials import ReadCredentials
from dfd.errors import ConfigurationError
from dfd.provenance.reader import MOST_ANCHORS_CHARS, NEEDS, CredentialReader, library_version, no_library
from dfd.settings import Settings


def build_credentials(settings: Settings) -> tuple[ReadCredentials, Mapping[str, str]]:
    """The reader, and what reports say of it among the settings.

    Raises:
        ConfigurationError: the trusted authorities cannot be read, or there is nothing to read credentials with.
    """
    anchors = _anchors(settings)
    library = library_version()
    if library is None:
        if anchors:
            raise ConfigurationError(f"C2PA_TRUST_ANCHORS: {NEEDS}")
        return no_library, {"c2pa": "not installed"}
    told = {"c2pa": library}
    if anchors:
        told["c2pa_trust_anchors_sha256"] = hashlib.sha256(anchors.encode()).hexdigest()
    return CredentialReader(anchors), told


def _anchors(settings: Settings) -> str:
    path = settings.c2pa_trust_anchors
    if path is None:
        return ""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"C2PA_TRUST_ANCHORS: cannot read {path}: {error}") from error
    if "-----BEGIN CERTIFICATE-----" not in text:
        raise ConfigurationError(f"C2PA_TRUST_ANCHORS: {path} holds no certificate in PEM")
    if len(text) > MOST_ANCHORS_CHARS:
        raise ConfigurationError(f"C2PA_TRUST_ANCHORS: {path} is too long to be a list of authorities")
    return text
