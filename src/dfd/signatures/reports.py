"""Signing reports, and checking them.

What is signed is the whole report with the member ``signature``, of which only ``value`` is left out, as the JSON
Canonicalization Scheme (RFC 8785) writes it: keys in order, no blanks, one spelling of every number. Whoever prints
the report anew, with other blanks or ``1`` for ``1.0``, does not break the signature; whoever changes a value does.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, NoReturn

import rfc8785

from dfd.errors import UnreadableReport
from dfd.signatures.keys import PublicKey, SigningKey, from_text, to_text

ALGORITHM: Final = "Ed25519"
CANONICALIZATION: Final = "RFC8785"

_MEMBERS: Final = ("algorithm", "canonicalization", "key_id", "public_key", "value")


class Standing(StrEnum):
    """What a signature says of a report."""

    GENUINE = "genuine"
    """Signed with a trusted key, and not changed since."""
    ALTERED = "altered"
    """The signature does not belong to this content."""
    UNKNOWN_KEY = "unknown_key"
    """Not changed since it was signed, with a key that nobody has vouched for: anybody can make one."""
    UNSIGNED = "unsigned"


@dataclass(frozen=True, slots=True)
class Check:
    """What was found.

    Attributes:
        standing: of the report.
        key_id: of the key that it names; None where it is unsigned.
    """

    standing: Standing
    key_id: str | None = None


def signed_report(report: Mapping[str, Any], key: SigningKey) -> dict[str, Any]:
    """The report (`dfd.reporting.report_to_dict`) with its signature behind the other members."""
    public = key.public
    signature = {
        "algorithm": ALGORITHM,
        "canonicalization": CANONICALIZATION,
        "key_id": public.key_id,
        "public_key": public.x,
    }
    value = key.sign(_canonical({**report, "signature": signature}))
    return {**report, "signature": {**signature, "value": to_text(value)}}


def check_report(report: Mapping[str, Any], trusted: Sequence[PublicKey]) -> Check:
    """Check the signature of a report.

    Args:
        report: as `read_report` reads it. A member ``path``, which ``dfd predict --json`` puts in front, is no part
            of the report and not looked at.
        trusted: keys that the caller knows to be the service's.

    Raises:
        UnreadableReport: the signature is damaged, or of a kind that this version does not know.
    """
    report = {name: value for name, value in report.items() if name != "path"}
    signature = report.get("signature")
    if signature is None:
        return Check(Standing.UNSIGNED)
    public, value = _read_signature(signature)
    unsigned = {name: member for name, member in signature.items() if name != "value"}
    if not public.signed(value, _canonical({**report, "signature": unsigned})):
        return Check(Standing.ALTERED, public.key_id)
    return Check(Standing.GENUINE if public in trusted else Standing.UNKNOWN_KEY, public.key_id)


def _read_signature(signature: Any) -> tuple[PublicKey, bytes]:
    if not isinstance(signature, dict) or set(signature) != set(_MEMBERS):
        raise UnreadableReport(f"the signature is damaged: it must have {', '.join(_MEMBERS)} and nothing else")
    if (signature["algorithm"], signature["canonicalization"]) != (ALGORITHM, CANONICALIZATION):
        raise UnreadableReport("the signature is of a kind that this version of DFD does not know")
    try:
        public, value = PublicKey.from_x(signature["public_key"]), from_text(signature["value"])
    except ValueError as error:
        raise UnreadableReport(f"the signature is damaged: {error}") from error
    if len(value) != 64:
        raise UnreadableReport(f"the signature is damaged: it has {len(value)} bytes and not 64")
    if public.key_id != signature["key_id"]:
        raise UnreadableReport("the signature is damaged: its key_id is not that of its public_key")
    return public, value


def _canonical(value: Any) -> bytes:
    """The canonical form.

    Raises:
        UnreadableReport: the value has none: a number beyond what a double can hold, or broken text.
    """
    try:
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, UnicodeError, RecursionError) as error:
        raise UnreadableReport(f"the report has no canonical form: {error}") from error


def read_report(text: str) -> dict[str, Any]:
    """A report from its JSON text.

    Raises:
        UnreadableReport: it is broken off, no JSON, no report, or holds what two readers could take differently: one
            key twice, or a number that is none.
    """
    try:
        found = json.loads(text, object_pairs_hook=_once, parse_constant=_no_number)
    except json.JSONDecodeError as error:
        if error.msg == "Extra data":
            raise UnreadableReport("the file holds more than one report; give one of them a file of its own") from error
        raise UnreadableReport(
            f"the report is broken off or no JSON: {error.msg} in line {error.lineno}, column {error.colno}"
        ) from error
    except (RecursionError, ValueError) as error:
        raise UnreadableReport(f"the report cannot be read: {error}") from error
    if not isinstance(found, dict) or "schema_version" not in found or "verdict" not in found:
        raise UnreadableReport("the file is JSON, but no report of DFD")
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise UnreadableReport("the report is damaged: an object has one key twice")
    return found


def _no_number(name: str) -> NoReturn:
    raise UnreadableReport(f"the report is damaged: {name} is no number in JSON")
