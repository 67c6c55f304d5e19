"""The models in a software bill of materials, beside the packages that CycloneDX has found.

    python -m supply.sbom DOCUMENT

DOCUMENT is CycloneDX JSON, and is written anew with one component for each version of a model in ``models/``: its
weights decide as much as any code does.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

ROOT: Final = Path(__file__).resolve().parents[1]


def models_in(folder: Path) -> Iterator[dict[str, Any]]:
    """A component for each version of each model."""
    for path in sorted(folder.glob("*/*/manifest.json")):
        manifest = json.loads(path.read_text(encoding="utf-8"))
        reference = f"model:{manifest['name']}/{manifest['version']}"
        yield {
            "type": "machine-learning-model",
            "bom-ref": reference,
            "name": manifest["name"],
            "version": manifest["version"],
            "licenses": [{"license": {"name": manifest["licence"]}}],
            "hashes": [{"alg": "SHA-256", "content": manifest["files"][manifest["weights_file"]]}],
            "modelCard": {"bom-ref": f"{reference}/card", "modelParameters": {"task": "deepfake detection"}},
        }


def with_models(document: dict[str, Any], models: list[dict[str, Any]]) -> dict[str, Any]:
    """The document with the models among its components, and the service resting on them."""
    components = [*document.get("components", []), *models]
    root = document["metadata"]["component"]["bom-ref"]
    rests_on = [
        {**entry, "dependsOn": sorted({*entry.get("dependsOn", []), *(model["bom-ref"] for model in models)})}
        if entry["ref"] == root
        else entry
        for entry in document.get("dependencies", [])
    ]
    return {**document, "components": components, "dependencies": rests_on}


def main(path: Path) -> int:
    """Add the models to a document, and say how much is in it."""
    document = json.loads(path.read_text(encoding="utf-8"))
    whole = with_models(document, list(models_in(ROOT / "models")))
    text = json.dumps(whole, indent=1, sort_keys=True) + "\n"
    fault = JsonStrictValidator(SchemaVersion.from_version(whole["specVersion"])).validate_str(text)
    if fault is not None:
        sys.stderr.write(f"{path}: not valid: {fault}\n")
        return 1
    path.write_text(text, encoding="utf-8")
    sys.stdout.write(f"{path}: {len(whole['components'])} components\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
