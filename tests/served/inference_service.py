"""Reads an InferenceService from standard input and says which of its fields KServe's own model of it does not know."""

import json
import re
import sys
from typing import Any

import kserve
import kubernetes.client


def unknown(value: Any, kind: str, place: str) -> list[str]:
    """Places of fields that `kind`, a type by the name that the models use, does not have."""
    if found := re.fullmatch(r"list\[(.+)\]", kind):
        return [name for number, one in enumerate(value) for name in unknown(one, found[1], f"{place}[{number}]")]
    model = getattr(kserve, kind, None) or getattr(kubernetes.client, kind, None)
    if model is None:
        return []
    types = {model.attribute_map[attribute]: its for attribute, its in model.openapi_types.items()}
    names = [f"{place}.{name}" for name in value if name not in types]
    return names + [
        name for key, one in value.items() if key in types for name in unknown(one, types[key], f"{place}.{key}")
    ]


if __name__ == "__main__":
    sys.stdout.write("\n".join(unknown(json.load(sys.stdin), "V1beta1InferenceService", "")))
