"""Callers from outside, by an Ingress."""

from tests.k8s.conftest import of_kind, render


def test_there_is_none_unasked() -> None:
    assert not any(each["kind"] == "Ingress" for each in render("values-production"))


def test_it_leads_to_the_service() -> None:
    spec = of_kind(render("everything"), "Ingress")["spec"]
    assert spec["ingressClassName"] == "nginx"
    assert spec["tls"] == [{"hosts": ["inside.example"], "secretName": "likeness-inside-tls"}]
    (rule,) = spec["rules"]
    assert rule["host"] == "inside.example"
    ((path, backend),) = ((p["path"], p["backend"]["service"]) for p in rule["http"]["paths"])
    assert path == "/"
    service = of_kind(render("everything"), "Service", backend["name"])["spec"]
    assert backend["port"]["name"] in [each["name"] for each in service["ports"]]


def test_its_controller_is_told_what_to_speak() -> None:
    annotations = of_kind(render("everything"), "Ingress")["metadata"]["annotations"]
    assert annotations == {"nginx.ingress.kubernetes.io/backend-protocol": "GRPCS"}


def test_connections_can_be_handed_on() -> None:
    spec = of_kind(render("everything", 'gateway.ingress.tlsSecretName=""'), "Ingress")["spec"]
    assert spec["tls"] == [{"hosts": ["inside.example"]}]
