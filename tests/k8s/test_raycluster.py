"""Trainings on Ray: one cluster, of which each gateway is a node without CPUs."""

from tests.k8s.conftest import containers, environment, of_kind, pods, render

MANIFESTS = "values-production"


def test_no_cluster_where_the_gateway_trains() -> None:
    assert not any(each["kind"] == "RayCluster" for each in render("values-single-gpu"))


def test_pods_that_train_come_and_go_with_the_work() -> None:
    spec = of_kind(render(MANIFESTS), "RayCluster")["spec"]
    assert spec["enableInTreeAutoscaling"] is True
    (group,) = spec["workerGroupSpecs"]
    assert (group["minReplicas"], group["maxReplicas"]) == (0, 8)


def test_a_worker_fills_a_pod() -> None:
    gateway = environment(containers(pods(render(MANIFESTS))["Deployment/test"])["gateway"])
    (group,) = of_kind(render(MANIFESTS), "RayCluster")["spec"]["workerGroupSpecs"]
    assert gateway["LIKENESS_JOBS__BACKEND"] == "ray"
    assert gateway["LIKENESS_JOBS__RAY__CPUS"] == group["rayStartParams"]["num-cpus"]
    limits = containers(group["template"]["spec"])["ray-worker"]["resources"]["limits"]
    assert float(gateway["LIKENESS_JOBS__RAY__GPUS"]) == limits["nvidia.com/gpu"]
    assert int(gateway["LIKENESS_JOBS__WORKERS"]) == group["maxReplicas"]


def test_the_gateway_is_a_node_that_gives_nothing() -> None:
    pod = pods(render(MANIFESTS))["Deployment/test"]
    node, gateway = containers(pod)["ray-node"], containers(pod)["gateway"]
    address = environment(gateway)["LIKENESS_JOBS__RAY__ADDRESS"]
    assert address == "test-ray-head-svc:6379"  # KubeRay's name for the head of test-ray
    assert {"--num-cpus=0", "--num-gpus=0", f"--address={address}"} <= set(node["command"])
    assert node["restartPolicy"] == "Always"
    assert pod["shareProcessNamespace"] is True
    shared = {"/tmp", "/dev/shm"}
    for container in (node, gateway):
        assert shared <= {each["mountPath"] for each in container["volumeMounts"]}
    assert node["image"] == gateway["image"]  # the same Ray and Python


def test_the_gateway_shows_the_clusters_token() -> None:
    """Whoever reaches a Ray cluster runs code on it, unless it asks for a token."""
    cluster = of_kind(render(MANIFESTS), "RayCluster")
    assert cluster["spec"]["authOptions"] == {"mode": "token"}
    pod = containers(pods(render(MANIFESTS))["Deployment/test"])
    for name in ("ray-node", "gateway"):
        variables = environment(pod[name])
        assert variables["RAY_AUTH_MODE"] == "token"
        secret = variables["RAY_AUTH_TOKEN"]["secretKeyRef"]
        # KubeRay's name for it and its key
        assert secret == {"name": cluster["metadata"]["name"], "key": "auth_token"}


def test_workers_have_the_base_model_and_the_blobs() -> None:
    (group,) = of_kind(render(MANIFESTS), "RayCluster")["spec"]["workerGroupSpecs"]
    worker = containers(group["template"]["spec"])["ray-worker"]
    assert worker["image"] == "likeness-trainer:0.1.0"
    assert {"secretRef": {"name": "likeness-blobs"}} in worker["envFrom"]
    assert "/models" in {each["mountPath"] for each in worker["volumeMounts"]}
