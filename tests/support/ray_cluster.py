"""A real Ray cluster on loopback: a head without CPUs, and a node with one.

``python -m tests.support.ray_cluster`` is the process that owns it. It tells the head's address,
replaces the node for every line that it reads, and ends all when there are no more.
"""

import os
import subprocess
import sys

LOOPBACK = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "RAY_USAGE_STATS_ENABLED": "0"}
"""Environment of all who have to do with the cluster: addresses stay on loopback."""

NODE = {
    "node_ip_address": "127.0.0.1",
    "object_store_memory": 80 * 2**20,
    "include_dashboard": False,
}
SYSTEM = {
    "worker_niceness": 0,  # Ray's 15 lets workers starve where anything else runs
    "health_check_initial_delay_ms": 500,
    "health_check_period_ms": 500,
    "health_check_timeout_ms": 2000,
    "health_check_failure_threshold": 3,
}


class RayCluster:
    """Two nodes as processes of this machine.

    Attributes:
        address: of the head.
    """

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.ray_cluster"],
            env={**os.environ, **LOOPBACK},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.address = self._answer()

    def replace_node(self) -> None:
        """The node is lost with everything on it, and another one comes."""
        assert self._process.stdin is not None
        print(file=self._process.stdin, flush=True)
        self._answer()

    def close(self) -> None:
        """Ends all of it."""
        self._process.communicate(timeout=60)

    def _answer(self) -> str:
        assert self._process.stdout is not None
        answer = self._process.stdout.readline().strip()
        assert answer, "the cluster did not start"
        return answer


def main() -> None:
    from ray.cluster_utils import Cluster

    head = {**NODE, "num_cpus": 0, "_system_config": SYSTEM}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    node = cluster.add_node(**NODE, num_cpus=1)
    print(cluster.address, flush=True)
    for _ in sys.stdin:
        cluster.remove_node(node, allow_graceful=False)
        node = cluster.add_node(**NODE, num_cpus=1)
        print("replaced", flush=True)
    cluster.shutdown()


if __name__ == "__main__":
    main()
