"""From what the library says of a file to `dfd.credentials.ContentCredentials`."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from dfd.credentials import MOST_ACTIONS, MOST_PROBLEMS, ContentCredentials, CredentialAction, CredentialState
from dfd.media import bounded_text

_STATES: Final = {
    "Trusted": CredentialState.TRUSTED,
    "Valid": CredentialState.VALID,
    "Invalid": CredentialState.INVALID,
}
_STAMPED: Final = "timeStamp.trusted"
"""An authority that is trusted vouches for the time; merely `validated` is the stamp of any, also of a forger's own."""
_ADDRESS_ERROR: Final = ("Remote", "RemoteManifest")
_NOTHING: Final = "ManifestNotFound"
_LARGEST_COUNT: Final = 10_000


def credentials_of(store: Mapping[str, Any]) -> ContentCredentials:
    """From the library's JSON of a manifest store (its `Reader.json`).

    What is missing or of another kind than the library documents is left out. A state that it does not name is not
    taken for a good one.
    """
    manifests = _mapping(store.get("manifests"))
    active = _mapping(manifests.get(str(store.get("active_manifest"))))
    signature = _mapping(active.get("signature_info"))
    results = _mapping(store.get("validation_results"))
    passed = _codes(_mapping(results.get("activeManifest")), "success", "informational")
    actions = [action for action in _actions(active) if action is not None]
    return ContentCredentials(
        state=_STATES.get(str(store.get("validation_state")), CredentialState.INVALID),
        signer=_text(signature.get("common_name")),
        issuer=_text(signature.get("issuer")),
        signed_at=_text(signature.get("time")),
        time_stamped=_STAMPED in passed,
        generator=_generator(active),
        title=_text(active.get("title")),
        ingredients=min(len(_list(active.get("ingredients"))), _LARGEST_COUNT),
        actions=tuple(actions[:MOST_ACTIONS]),
        problems=tuple(dict.fromkeys(bounded_text(code) for code in _problems(results)))[:MOST_PROBLEMS],
    )


def credentials_of_error(message: str) -> ContentCredentials:
    """From the words with which the library refuses a file: its kind, a colon and more."""
    kind, _, more = message.partition(":")
    if kind == _NOTHING:
        return ContentCredentials(CredentialState.ABSENT)
    if kind in _ADDRESS_ERROR:
        address = more.rpartition(" url ")[2].strip()
        return ContentCredentials(CredentialState.REMOTE, _text(address))
    return ContentCredentials(CredentialState.UNREADABLE, _text(f"the library says: {message.strip()}"))


def _actions(manifest: Mapping[str, Any]) -> Iterator[CredentialAction | None]:
    for assertion in _list(manifest.get("assertions")):
        label = _mapping(assertion).get("label")
        if not (isinstance(label, str) and label.startswith("c2pa.actions")):
            continue
        data = _mapping(_mapping(assertion).get("data"))
        for one in map(_mapping, _list(data.get("actions"))):
            name = _text(one.get("action"))
            source = one.get("digitalSourceType")
            yield (
                None
                if name is None
                else CredentialAction(
                    action=name,
                    software=_software(one.get("softwareAgent")),
                    when=_text(one.get("when")),
                    source_type=_text(source.rpartition("/")[2]) if isinstance(source, str) else None,
                )
            )


def _generator(manifest: Mapping[str, Any]) -> str | None:
    told = _list(manifest.get("claim_generator_info"))
    return _software(told[0]) if told else _text(manifest.get("claim_generator"))


def _software(told: object) -> str | None:
    """A name, or a mapping with a name and perhaps a version."""
    if isinstance(told, Mapping):
        parts = [part for part in (told.get("name"), told.get("version")) if isinstance(part, str)]
        return _text(" ".join(parts))
    return _text(told)


def _problems(results: Mapping[str, Any]) -> Iterator[str]:
    """Codes of what does not hold: of the file's own claim, then of what it was made from."""
    yield from _codes(_mapping(results.get("activeManifest")), "failure")
    for delta in _list(results.get("ingredientDeltas")):
        yield from _codes(_mapping(_mapping(delta).get("validationDeltas")), "failure")


def _codes(part: Mapping[str, Any], *kinds: str) -> list[str]:
    entries = [_mapping(entry) for kind in kinds for entry in _list(part.get(kind))]
    return [entry["code"] for entry in entries if isinstance(entry.get("code"), str)]


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: object) -> str | None:
    return bounded_text(value) if isinstance(value, str) and value else None
