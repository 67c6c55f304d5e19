"""Options of an analysis as a job keeps them, and the name of the question that a report answers."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from dfd.pipeline import AnalysisOptions
from dfd.quality import QualityLimits
from dfd.report import ModelIdentity, Provenance


def options_to_dict(options: AnalysisOptions) -> dict[str, Any]:
    """Everything that an analysis was asked for, JSON-ready: a job is analysed as it was accepted, wherever that is."""
    return asdict(options)


def options_from_dict(data: Mapping[str, Any]) -> AnalysisOptions:
    """The reverse of `options_to_dict`.

    Raises:
        InvalidParameter: a value is out of its range.
        KeyError, TypeError: this is no such dictionary.
    """
    fields = dict(data)
    return AnalysisOptions(quality=QualityLimits(**fields.pop("quality")), **fields)


def result_key(input_sha256: str, model: ModelIdentity, provenance: Provenance) -> str:
    """Names a question: the same file, model, settings and version of DFD give the same report.

    Args:
        input_sha256: hash of the file's bytes.
        model: that answers; which backend scores for it does not count, since all agree.
        provenance: what else the report comes from, or would come from; what was sampled does not count, since it
            follows from the rest.

    Returns:
        a SHA-256 in lower-case hex.
    """
    which = {"name": model.name, "version": model.version, "weights_sha256": model.weights_sha256}
    rest = {"settings": provenance.settings, "dfd": provenance.dfd_version}
    return fingerprint({"file": input_sha256, "model": which, **rest})


def fingerprint(value: Mapping[str, Any]) -> str:
    """SHA-256, in lower-case hex, of a JSON-ready value; the order of its keys does not count."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
