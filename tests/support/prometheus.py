"""A real Prometheus and a real Alertmanager, each a process of its own for a ``with`` block."""

import json
import queue
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from email.message import Message
from pathlib import Path
from typing import Any, Self

import yaml

from tests.support.ports import free_ports
from tests.support.post_server import PostServer

READY_SECONDS = 30


class Server:
    """A process that listens on a port of its own.

    Attributes:
        url: where it answers.
    """

    def __init__(self, directory: Path, binary: str, *options: str) -> None:
        (self._port,) = free_ports(1)
        self.url = f"http://127.0.0.1:{self._port}"
        self._log = directory / f"{binary}.log"
        command = [str(Path(sys.executable).parent / binary), *options]
        self._command = [*command, f"--web.listen-address=127.0.0.1:{self._port}"]

    def __enter__(self) -> Self:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=subprocess.STDOUT)
        deadline = time.monotonic() + READY_SECONDS
        while not self._ready():
            assert self._process.poll() is None, self._log.read_text()
            assert time.monotonic() < deadline, self._log.read_text()
            time.sleep(0.1)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(30)

    def _ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=2):
                return True
        except (urllib.error.URLError, OSError):
            return False


class Prometheus(Server):
    """Scrapes every second.

    Args:
        directory: for its configuration, data and log.
        jobs: port on 127.0.0.1 of each job.
        rules: of recording and alerting.
        alertmanager: port of the one that is told.
    """

    def __init__(
        self, directory: Path, jobs: dict[str, int], rules: str, alertmanager: int
    ) -> None:
        (directory / "rules.yaml").write_text(rules)
        config = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": ["rules.yaml"],
            "alerting": {"alertmanagers": [_targets(alertmanager)]},
            "scrape_configs": [{"job_name": job, **_targets(port)} for job, port in jobs.items()],
        }
        (directory / "prometheus.yaml").write_text(yaml.safe_dump(config))
        self._jobs = len(jobs)
        super().__init__(
            directory,
            "prometheus",
            f"--config.file={directory / 'prometheus.yaml'}",
            f"--storage.tsdb.path={directory / 'data'}",
            "--enable-feature=exemplar-storage",
        )

    def _ready(self) -> bool:
        """Also that it has scraped: what grows from then on is seen to grow."""
        return super()._ready() and len(self.query("up == 1")) == self._jobs

    def query(self, expression: str, **parameters: str) -> list[Any]:
        """The answer at this moment; with ``start``, ``end`` and ``step``, over time."""
        path = "query_range" if "step" in parameters else "query"
        return self.ask(path, query=expression, **parameters)["result"]

    def await_scrape(self) -> None:
        """Returns when every job has been scraped since the call."""
        called = time.time()
        while len(self.query(f"timestamp(up) > {called}")) < self._jobs:
            time.sleep(0.1)

    def exemplars(self, metric: str, seconds: float) -> set[str]:
        """Trace ids that a metric names, as soon as there are any."""
        deadline = time.time() + seconds
        interval = {"start": str(deadline - 3600), "end": str(deadline)}
        while not (found := self.ask("query_exemplars", query=metric, **interval)):
            assert time.time() < deadline
            time.sleep(0.5)
        return {each["labels"]["trace_id"] for series in found for each in series["exemplars"]}

    def ask(self, path: str, **parameters: str) -> Any:
        """An answer of its HTTP API."""
        url = f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        with urllib.request.urlopen(url, timeout=10) as answer:
            return json.load(answer)["data"]


class Alertmanager(Server):
    """Tells a webhook at once.

    Args:
        directory: for its configuration, data and log.
        webhook: port of the one that is told.
    """

    def __init__(self, directory: Path, webhook: int) -> None:
        receiver = {"url": f"http://127.0.0.1:{webhook}/", "send_resolved": True}
        config = {
            "route": {
                "receiver": "webhook",
                "group_by": ["alertname"],
                "group_wait": "0s",
                "group_interval": "1s",
            },
            "receivers": [{"name": "webhook", "webhook_configs": [receiver]}],
        }
        (directory / "alertmanager.yaml").write_text(yaml.safe_dump(config))
        super().__init__(
            directory,
            "alertmanager",
            f"--config.file={directory / 'alertmanager.yaml'}",
            f"--storage.path={directory / 'alerts'}",
            "--cluster.listen-address=",
        )

    @property
    def port(self) -> int:
        return self._port


class Webhook(PostServer):
    """Takes what Alertmanager delivers."""

    def __init__(self) -> None:
        super().__init__()
        self._alerts: queue.Queue[dict[str, Any]] = queue.Queue()

    def take(self, _headers: Message, body: bytes) -> None:
        for alert in json.loads(body)["alerts"]:
            self._alerts.put(alert)

    def wait_for(self, name: str, status: str, seconds: float) -> dict[str, Any]:
        """The next alert of a name that is ``firing`` or ``resolved``."""
        deadline = time.monotonic() + seconds
        while True:
            alert = self._alerts.get(timeout=max(0.0, deadline - time.monotonic()))
            if alert["labels"]["alertname"] == name and alert["status"] == status:
                return alert


def _targets(port: int) -> dict[str, Any]:
    return {"static_configs": [{"targets": [f"127.0.0.1:{port}"]}]}
