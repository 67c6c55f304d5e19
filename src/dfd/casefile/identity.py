"""What a report of a case rests on, digit for digit: software, model, settings, and how to check it."""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

import rfc8785

from dfd.casefile.blocks import Block, Facts, Heading, Paragraph
from dfd.casefile.words import plain

Data = Mapping[str, Any]


def identity_section(report: Data) -> Iterator[Block]:
    """Versions, digests, settings, signature."""
    yield Heading("Software, model and settings")
    model, provenance = report["model"], report.get("provenance", {})
    yield Facts(
        [
            ("software", f"DFD {provenance.get('dfd_version', 'of an unnamed version')}"),
            ("model", f"{model['name']} version {model['version']}"),
            ("SHA-256 of its weights", model["weights_sha256"]),
            ("faces scored by", ", ".join(model.get("backends", ())) or "nothing"),
            ("SHA-256 of the settings", provenance.get("settings_sha256", "not recorded")),
            ("settings", _settings(provenance.get("settings", {})) or "not recorded"),
            ("schema of the JSON report", report["schema_version"]),
            ("SHA-256 of the JSON report", canonical_sha256(report)),
        ]
    )
    yield Heading("How to check this report", 3)
    yield Paragraph(
        "The same file, model and settings give the same answer: analyse the file again and compare. The SHA-256 of "
        "the file tells whether it is the one that was analysed. That of the JSON report is over its canonical form "
        "(RFC 8785)."
    )
    signature = report.get("signature")
    if signature is None:
        yield Paragraph(
            "The JSON report is not signed: nothing but the digests above tells whether it was changed. A service "
            "that is given a signing key signs every report."
        )
        return
    yield Paragraph(
        "The JSON report is signed. Get the public key from the operator of the service, not with the report, and run "
        "dfd verify report.json --public-key KEY --video FILE. A genuine signature proves that the holder of the key "
        "reported this of a file with this hash; it does not prove that the verdict is right. This document is made "
        "from the JSON report and bears no signature of its own."
    )
    yield Facts([("algorithm", signature["algorithm"]), ("id of the key", signature["key_id"])])


def canonical_sha256(report: Data) -> str:
    """SHA-256 of a JSON report in canonical form (RFC 8785), in lower-case hex."""
    return hashlib.sha256(rfc8785.dumps(dict(report))).hexdigest()


def _settings(settings: Mapping[str, Any]) -> str:
    return "; ".join(f"{name}: {value}" for name, value in _flat("", settings))


def _flat(prefix: str, settings: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in sorted(settings.items()):
        if isinstance(value, Mapping):
            yield from _flat(f"{prefix}{plain(name)}, ", value)
        else:
            yield f"{prefix}{plain(name)}", "not set" if value is None else str(value)
