"""The server's side of TLS."""

from pathlib import Path

import grpc

from service.auth.settings import TlsSettings


def listen(server: grpc.aio.Server, address: str, tls: TlsSettings) -> None:
    """Opens the port, for TLS if there is a certificate. Raises `RuntimeError` if it is taken."""
    if tls.certificate is None:
        server.add_insecure_port(address)
    else:
        server.add_secure_port(address, _credentials(tls))


def _credentials(tls: TlsSettings) -> grpc.ServerCredentials:
    """Credentials that follow their files, so that a renewed certificate needs no restart.

    A half-written renewal changes nothing: connections go on with what was read last.
    """
    assert tls.certificate is not None
    assert tls.key is not None
    files = [path for path in (tls.key, tls.certificate, tls.client_ca) if path is not None]
    last = _state(files)

    def changed() -> grpc.ServerCertificateConfiguration | None:
        nonlocal last
        try:
            if (state := _state(files)) == last:
                return None
            configuration = _read(tls)
        except OSError:
            return None
        last = state
        return configuration

    return grpc.dynamic_ssl_server_credentials(
        _read(tls),
        changed,  # type: ignore[arg-type]  # None says that nothing has changed
        require_client_authentication=tls.client_ca is not None,
    )


def _state(files: list[Path]) -> list[tuple[int, int, int]]:
    return [(s.st_mtime_ns, s.st_ino, s.st_size) for s in (path.stat() for path in files)]


def _read(tls: TlsSettings) -> grpc.ServerCertificateConfiguration:
    assert tls.certificate is not None
    assert tls.key is not None
    pair = (tls.key.read_bytes(), tls.certificate.read_bytes())
    return grpc.ssl_server_certificate_configuration(
        [pair], root_certificates=tls.client_ca.read_bytes() if tls.client_ca else None
    )
