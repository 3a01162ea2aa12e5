"""``python tests/k8s/crds/trim.py CRD.yaml...``: writes the JSON schemas in this folder.

Of a CustomResourceDefinition that an operator's project publishes, the schema of the version that
clusters store, without prose and status, and closed: what it does not name, it refuses. A pod's
template is left out; tests check those as Kubernetes' own.
"""

import json
import sys
from pathlib import Path
from typing import Any

import yaml

DROPPED = ("default", "description", "format", "properties")
PODS = {"type": "object"}


def trimmed(schema: Any) -> Any:
    """A schema as a JSON schema that refuses unknown fields."""
    if isinstance(schema, list):
        return [trimmed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    properties = schema.get("properties", {})
    if "containers" in properties.get("spec", {}).get("properties", {}):
        return PODS
    kept = {
        key: trimmed(value)
        for key, value in schema.items()
        if key not in DROPPED and not key.startswith("x-kubernetes-")
    }
    if properties:
        kept["properties"] = {name: trimmed(value) for name, value in properties.items()}
        if not schema.get("x-kubernetes-preserve-unknown-fields"):
            kept["additionalProperties"] = False
    return kept


def main(paths: list[str]) -> None:
    """Writes one file for each definition, named for its kind."""
    for path in paths:
        spec = yaml.load(Path(path).read_text(), yaml.CSafeLoader)["spec"]
        (version,) = (each for each in spec["versions"] if each["storage"])
        schema = version["schema"]["openAPIV3Schema"]
        schema["properties"].pop("status", None)
        schema["properties"]["metadata"] = {"type": "object"}
        schema["properties"]["apiVersion"] = {"const": f"{spec['group']}/{version['name']}"}
        file = Path(__file__).parent / f"{spec['names']['kind']}.json"
        file.write_text(json.dumps(trimmed(schema), separators=(",", ":"), sort_keys=True) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
