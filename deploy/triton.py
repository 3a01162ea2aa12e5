"""``python -m deploy.triton``: a real Triton server on loopback, from the nvidia-pytriton package.

The package holds the server and its Python backend but starts neither as a model repository needs
it: backend and interpreter stub must lie in one folder, and the stub finds this environment's
packages through PATH.
"""

import ctypes
import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Self

import typer

from export.runtimes import THREADS
from identity import BundleError, ServingBundle
from telemetry.tracing import ENDPOINT

EXIT_SECONDS = 10
"""How long requests in flight may take to finish when the server is told to stop."""

NEVER = 2**31 - 1
"""One request in so many is traced of Triton's own accord; a caller's trace always goes on."""

LIBPYTHON = "libpython3.11.so.1.0"


class TritonError(RuntimeError):
    """Triton can't be started; the message says what is missing."""


@dataclass(frozen=True)
class Ports:
    """Triton's ports on 127.0.0.1."""

    http: int = 8000
    grpc: int = 8001
    metrics: int = 8002

    @classmethod
    def free(cls) -> Self:
        """Three ports that nothing listens on."""
        with ExitStack() as stack:
            sockets = [stack.enter_context(socket.socket()) for _ in range(3)]
            for each in sockets:
                each.bind(("127.0.0.1", 0))
            return cls(*(each.getsockname()[1] for each in sockets))


def command(bundle: Path, ports: Ports, cache: Path) -> list[str]:
    """The server's command line.

    Args:
        bundle: the serving bundle.
        ports: where to listen.
        cache: directory for the backend's folder, made once for each version of Triton.

    Raises:
        TritonError: the bundle or a part of Triton is missing.
    """
    try:
        ServingBundle.load(bundle)
    except BundleError as error:
        raise TritonError(f"{error}; python -m export makes one") from error
    return [
        str(_package() / "tritonserver/bin/tritonserver"),
        f"--model-repository={bundle.absolute() / 'models'}",
        f"--backend-directory={_backends(cache)}",
        # Explicit control lets a watchdog unload and load a model whose process has died.
        "--model-control-mode=explicit",
        "--load-model=*",
        *(f"--{each}-address=127.0.0.1" for each in ("http", "grpc", "metrics")),
        f"--http-port={ports.http}",
        f"--grpc-port={ports.grpc}",
        f"--metrics-port={ports.metrics}",
        f"--exit-timeout-secs={EXIT_SECONDS}",
        "--allow-gpu-metrics=false",
        *tracing_options(),
    ]


def environment(threads: int = 0) -> dict[str, str]:
    """The server's environment. ``threads``: CPU threads of each engine; 0: all.

    Raises:
        TritonError: a shared library is missing.
    """
    libraries = [_package().parent / "nvidia_pytriton.libs", *_libpython()]
    inherited = os.environ
    return {
        **inherited,
        "LD_LIBRARY_PATH": os.pathsep.join(
            [*map(str, libraries), *filter(None, [inherited.get("LD_LIBRARY_PATH")])]
        ),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), inherited.get("PATH", "")]),
        THREADS: str(threads),
    }


def tracing_options() -> list[str]:
    """Options that let the server go on with its callers' traces, if there is a collector."""
    if not (endpoint := os.environ.get(ENDPOINT)):
        return []
    settings = ("mode=opentelemetry", "level=TIMESTAMPS", f"rate={NEVER}")
    url = f"opentelemetry,url={endpoint.rstrip('/')}/v1/traces"
    name = "opentelemetry,resource=service.name=likeness-triton"
    return [f"--trace-config={each}" for each in (*settings, url, name)]


class TritonServer:
    """A server of its own for as long as a ``with`` block lasts.

    Args:
        bundle: the serving bundle.
        directory: for the backend's folder and ``triton.log``.
        threads: CPU threads of each engine; 0: all.
        ready_seconds: how long it may take to become ready.

    Attributes:
        ports: free ones, chosen when it starts.
        log: what the server prints.
    """

    def __init__(
        self, bundle: Path, directory: Path, threads: int = 0, ready_seconds: float = 120.0
    ) -> None:
        self.ports = Ports.free()
        self.log = directory / "triton.log"
        self._command = command(bundle, self.ports, directory)
        self._environment = environment(threads)
        self._ready_seconds = ready_seconds

    @property
    def grpc_address(self) -> str:
        """``host:port`` of the gRPC endpoint."""
        return f"127.0.0.1:{self.ports.grpc}"

    def __enter__(self) -> Self:
        """Starts the server and waits until the sampler answers. Raises :class:`TritonError`."""
        with self.log.open("ab") as log:
            self._said_before = log.tell()
            self.process = subprocess.Popen(
                self._command, env=self._environment, stdout=log, stderr=subprocess.STDOUT
            )
        try:
            self._wait_ready()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def _wait_ready(self) -> None:
        url = f"http://127.0.0.1:{self.ports.http}/v2/models/sampler/ready"
        deadline = time.monotonic() + self._ready_seconds
        while True:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise TritonError(f"Triton is not ready; {self.log} says:\n{self._reason()}")
            try:
                with urllib.request.urlopen(url, timeout=2):
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)

    def _reason(self) -> str:
        """What this server gave as the reason of its end, and of each model that it could not load,
        or what it said last.
        """
        lines = self.log.read_bytes()[self._said_before :].decode(errors="replace").splitlines()
        models = [line for line in lines if "failed to load '" in line]
        reasons = [number for number, line in enumerate(lines) if line.startswith("error:")]
        return "\n".join(models + lines[reasons[-1] :] if reasons else lines[-10:])

    def _stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(EXIT_SECONDS + 20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def _package() -> Path:
    spec = importlib.util.find_spec("pytriton")
    if spec is None or not spec.submodule_search_locations:
        raise TritonError("Triton is not installed: pip install nvidia-pytriton==0.7.0")
    return Path(spec.submodule_search_locations[0])


def _libpython() -> list[Path]:
    """Where the library of this Python is, if the dynamic linker needs to be told."""
    beside = Path(str(sysconfig.get_config_var("LIBDIR")))
    if (beside / LIBPYTHON).is_file():
        return [beside]
    try:
        ctypes.CDLL(LIBPYTHON)
    except OSError as error:
        raise TritonError(
            f"{LIBPYTHON} is missing, which Triton's Python backend needs: "
            "install it (Debian: apt-get install libpython3.11)"
        ) from error
    return []


def _backends(cache: Path) -> Path:
    """The backends' folder with the stub of this Python in it."""
    folder = cache.absolute() / f"triton-{version('nvidia-pytriton')}"
    if folder.is_dir():
        return folder
    source = _package() / "tritonserver"
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as aside:
        made = Path(aside) / "backends"
        shutil.copytree(source / "backends", made)
        stub = source / "python_backend_stubs/3.11/triton_python_backend_stub"
        shutil.copy(stub, made / "python")
        made.rename(folder)
    return folder


def main(
    bundle: Annotated[Path, typer.Option(help="The serving bundle.")],
    http_port: int = Ports.http,
    grpc_port: int = Ports.grpc,
    metrics_port: int = Ports.metrics,
    cache: Annotated[Path, typer.Option(help="For Triton's backend folder.")] = Path(
        ".likeness/cache"
    ),
    threads: Annotated[int, typer.Option(min=0, help="CPU threads of each engine; 0: all.")] = 0,
) -> None:
    """Run Triton in the foreground, on 127.0.0.1."""
    try:
        arguments = command(bundle, Ports(http_port, grpc_port, metrics_port), cache)
        variables = environment(threads)
    except TritonError as error:
        typer.echo(f"triton: {error}", err=True)
        raise typer.Exit(1) from None
    os.execve(arguments[0], arguments, variables)


if __name__ == "__main__":
    typer.run(main)
