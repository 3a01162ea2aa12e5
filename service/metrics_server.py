"""`/metrics` over HTTP, in Prometheus's text format or, for those who ask for it, OpenMetrics."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, start_http_server


def serve(registry: CollectorRegistry, address: str) -> Callable[[], None]:
    """Serves metrics until the returned function is called. Raises :class:`OSError`."""
    host, _, port = address.rpartition(":")
    server, thread = start_http_server(int(port), host.strip("[]"), registry)

    def stop() -> None:
        server.shutdown()
        server.server_close()
        thread.join()

    return stop
