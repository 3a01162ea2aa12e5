"""The gateway's certificate, if cert-manager keeps it."""

from tests.k8s.conftest import of_kind, pods, render


def test_there_is_none_unasked() -> None:
    assert not any(each["kind"] == "Certificate" for each in render("values-production"))


def test_it_is_kept_in_the_secret_that_envoy_reads() -> None:
    spec = of_kind(render("everything"), "Certificate")["spec"]
    assert spec["issuerRef"] == {
        "group": "cert-manager.io",
        "kind": "ClusterIssuer",
        "name": "likeness",
    }
    (volume,) = (
        v for v in pods(render("everything"))["Deployment/test"]["volumes"] if v["name"] == "tls"
    )
    assert spec["secretName"] == volume["secret"]["secretName"]


def test_it_bears_the_names_by_which_callers_know_the_gateway() -> None:
    spec = of_kind(render("everything"), "Certificate")["spec"]
    assert {"test", "test.likeness.svc", "likeness.example", "inside.example"} <= {
        *spec["dnsNames"]
    }
    assert "server auth" in spec["usages"]
