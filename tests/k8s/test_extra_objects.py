"""Objects that a user brings along."""

import json

from tests.k8s.conftest import render


def test_extra_objects_are_templates() -> None:
    extra = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "{{ .Release.Name }}-extra", "labels": {}},
    }
    names = [
        each["metadata"]["name"] for each in render("values", f"extraObjects={json.dumps([extra])}")
    ]
    assert "test-extra" in names
