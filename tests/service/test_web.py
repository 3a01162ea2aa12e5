"""JSON over HTTP and grpc-web through a real Envoy with the configuration of `make web`."""

import base64
import io
import json
import time
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from google.api import annotations_pb2
from google.longrunning import operations_pb2
from google.rpc import error_details_pb2, status_pb2
from PIL import Image
from prometheus_client.parser import text_string_to_metric_families

from likeness.v1 import generation_service_pb2 as pb
from likeness.v1 import identity_service_pb2, provenance_service_pb2
from tests.service.gateway import Gateway
from tests.support.envoy import Answer, Web, standalone
from tests.support.ports import free_ports

FILES = (pb, identity_service_pb2, provenance_service_pb2, operations_pb2)
METHODS = [
    method
    for file in FILES
    for service in file.DESCRIPTOR.services_by_name.values()
    for method in service.methods
]


@pytest.fixture(scope="module")
def web(studio: Gateway, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    (port,) = free_ports(1)
    with standalone(tmp_path_factory.mktemp("envoy"), port, studio.port) as web:
        yield web


def spec(**fields: Any) -> dict[str, Any]:
    return {"spec": {"prompt": "a photo of a person", "steps": 3, "seed": "5", **fields}}


def train(web: Web, image: bytes, name: str) -> str:
    """Trains an identity; the operation's name."""
    wanted = {"identityId": name, "image": base64.b64encode(image).decode()}
    operation = web.post("/v1/identities:train", wanted).json
    assert operation["metadata"]["identity"] == f"identities/{name}"
    (*_, last) = web.get(f"/v1/{operation['name']}:watch").json
    assert last["identity"]["state"] == "STATE_READY"
    return str(operation["name"])


def picture(data: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(data)))


def test_every_rpc_is_called_by_json(web: Web, studio: Gateway, photo: bytes) -> None:
    operation = train(web, photo, "ann")
    assert web.get(f"/v1/{operation}").json["done"] is True
    page = web.get("/v1/operations?filter=done%3Dtrue&page_size=1").json
    assert [each["name"] for each in page["operations"]] == [operation]
    wait = "/google.longrunning.Operations/WaitOperation"
    waited = web.post(wait, {"name": operation, "timeout": "5s"}).json
    assert waited["response"]["identity"]["name"] == "identities/ann"
    assert web.post(f"/v1/{operation}:cancel", {}).json == {}

    ann = web.get("/v1/identities/ann").json["identity"]
    exported = web.get("/v1/identities/ann:export").json
    assert exported["identity"] == ann
    copy = {"identityId": "bob", "artifact": exported["artifact"]}
    digest = {"artifactDigest": ann["artifactDigest"]}
    assert web.post("/v1/identities:import", copy | digest).json["identity"]["stageCount"] == 5
    first = web.get("/v1/identities?page_size=1&read_mask=name,state").json
    assert first["identities"] == [{"name": "identities/bob", "state": "STATE_READY"}]
    second = web.get(f"/v1/identities?pageToken={first['nextPageToken']}").json
    assert second["identities"] == [ann]

    wanted = spec(prompt="<ann>", identities={"ann": "identities/ann"}, imageCount=2)
    images = web.post("/v1/images:generate", wanted).json["images"]
    assert [each["seed"] for each in images] == ["5", "6"]
    events = web.post("/v1/images:streamGenerate", wanted).json
    assert {"progress": {"step": 6, "totalSteps": 6}} in events
    streamed = {each["image"]["seed"]: each["image"]["data"] for each in events if "image" in each}
    for each in images:
        assert picture(each["data"]).tobytes() == picture(streamed[each["seed"]]).tobytes()
    verified = web.post("/v1/images:verify", {"image": images[0]["data"]}).json
    assert verified["contentCredentials"]["state"] == "STATE_ABSENT"

    assert web.ask("DELETE", f"/v1/{operation}").json == {}
    assert web.ask("DELETE", "/v1/identities/bob").json == {}
    assert web.ask("DELETE", f"/v1/identities/ann?etag={ann['etag']}").json == {}
    counted = {
        (labels["grpc_service"], labels["grpc_method"])
        for labels, _ in _samples(studio, "grpc_server_handled_total")
        if labels["grpc_code"] == "OK"
    }
    assert {(each.containing_service.full_name, each.name) for each in METHODS} <= counted


def test_every_rpc_of_ours_has_a_route() -> None:
    for method in METHODS:
        options = method.GetOptions()
        assert options.HasExtension(annotations_pb2.http) or method.name == "WaitOperation"


def details(answer: Answer) -> dict[str, Any]:
    """The typed details of an error's body, by type."""
    return {each["@type"].rpartition(".")[2]: each for each in answer.json["details"]}


def test_an_error_is_a_status_and_names_the_fields(web: Web) -> None:
    refused = web.post("/v1/images:generate", spec(prompt="", steps=1000))
    assert refused.status == 400
    assert refused.json["code"] == grpc.StatusCode.INVALID_ARGUMENT.value[0]
    told = details(refused)
    fields = {each["field"] for each in told["BadRequest"]["fieldViolations"]}
    assert fields == {"spec.prompt", "spec.steps"}
    assert (told["ErrorInfo"]["reason"], told["ErrorInfo"]["domain"]) == (
        "INVALID_REQUEST",
        "likeness.dev",
    )
    assert web.post("/v1/images:streamGenerate", spec(prompt="", steps=1000)).json == refused.json


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/v1/identities/nobody", None, 404),
        ("/v1/operations/nothing:watch", None, 404),
        ("/v1/identities:train", {"image": "bm8gcGljdHVyZQ=="}, 400),
        ("/v1/images:generate", spec(prompt="<x>", identities={"x": "identities/nobody"}), 404),
        ("/v1/images:generate", {"spec": {"prompt": 7}}, 400),
        ("/v1/images:generate", {"spec": {"colour": "red"}}, 400),
        ("/v1/identities?colour=red", None, 400),
        ("/v1/nothing", None, 404),
        ("/", None, 404),
    ],
)
def test_errors_have_the_status_of_http(web: Web, path: str, body: Any, status: int) -> None:
    answer = web.get(path) if body is None else web.post(path, body)
    assert answer.status == status, answer.body
    if answer.headers["content-type"] == "application/json":
        assert details(answer)["ErrorInfo"]["domain"] == "likeness.dev"


@pytest.mark.parametrize(("mebibytes", "status"), [(16, 400), (21, 413)])
def test_an_image_may_have_16_mib_and_a_request_28(web: Web, mebibytes: int, status: int) -> None:
    zeros = base64.b64encode(bytes(mebibytes * 2**20)).decode()
    refused = web.post("/v1/images:verify", {"image": zeros})
    assert refused.status == status
    if status == 400:
        assert b"is not a PNG, JPEG, WebP or HEIC image" in refused.body


def test_a_stream_is_told_as_it_comes_and_ends_with_its_caller(web: Web, studio: Gateway) -> None:
    long = spec(steps=150, imageCount=16)
    with web.opened("POST", "/v1/images:streamGenerate", json.dumps(long).encode()) as answer:
        assert answer.read1(2).startswith(b"[{")
        assert _under_way(studio)
    while _under_way(studio):
        time.sleep(0.05)


def _under_way(gateway: Gateway) -> bool:
    """Whether pictures are being streamed."""
    found = _samples(gateway, "likeness_rpc_in_flight")
    return any(value for labels, value in found if labels["grpc_method"] == "StreamGenerate")


def _samples(gateway: Gateway, name: str) -> list[tuple[dict[str, str], float]]:
    """Labels and value of each sample of a metric."""
    return [
        (sample.labels, sample.value)
        for family in text_string_to_metric_families(gateway.metrics())
        for sample in family.samples
        if sample.name == name
    ]


def test_a_page_calls_by_grpc_web(web: Web) -> None:
    wanted = pb.GenerationSpec(prompt="a photo of a person", steps=3, seed=5)
    service = "likeness.v1.GenerationService"
    request = pb.GenerateRequest(spec=wanted)
    (answer,), trailers = web.grpc_web(f"{service}/Generate", request, pb.GenerateResponse)
    assert trailers["grpc-status"] == "0"
    streamed, trailers = web.grpc_web(
        f"{service}/StreamGenerate",
        pb.StreamGenerateRequest(spec=wanted),
        pb.StreamGenerateResponse,
    )
    assert trailers["grpc-status"] == "0"
    assert [each.progress.step for each in streamed[-4:-1]] == [1, 2, 3]
    assert streamed[-1].image.data == answer.images[0].data


def test_grpc_web_tells_errors_in_full(web: Web) -> None:
    request = pb.GenerateRequest(spec=pb.GenerationSpec(prompt=" "))
    method = "likeness.v1.GenerationService/Generate"
    messages, trailers = web.grpc_web(method, request, pb.GenerateResponse)
    assert messages == []
    assert trailers["grpc-status"] == "3"
    packed = base64.b64decode(trailers["grpc-status-details-bin"] + "==")
    bad = error_details_pb2.BadRequest()
    assert any(each.Unpack(bad) for each in status_pb2.Status.FromString(packed).details)
    assert bad.field_violations[0].field == "spec.prompt"


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("http://localhost:5173", True),
        ("http://127.0.0.1", True),
        ("http://localhost.example", False),
        ("https://elsewhere.example", False),
        ("null", False),
    ],
)
def test_pages_of_other_origins_are_kept_out(web: Web, origin: str, allowed: bool) -> None:
    path = "/likeness.v1.IdentityService/ListIdentities"
    asked = {"access_control_request_method": "POST", "access_control_request_headers": "x"}
    preflight = web.ask("OPTIONS", path, origin=origin, **asked)
    assert preflight.status == 200
    answer = web.ask("GET", "/v1/identities", origin=origin)
    for each in (preflight, answer):
        assert each.headers["access-control-allow-origin"] == (origin if allowed else None)
    if allowed:
        taken = preflight.headers["access-control-allow-headers"].split(", ")
        assert {"authorization", "content-type", "x-grpc-web"} <= set(taken)
        assert "grpc-status-details-bin" in answer.headers["access-control-expose-headers"]
