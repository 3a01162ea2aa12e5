"""What `likeness-admin doctor` finds out about certificates, if any are configured."""

import asyncio
import ssl
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509

from service.admin.doctor import TroubleError, Verdict
from service.auth.settings import TlsSettings
from service.credentials import CertificateError, ContentCredentials
from service.settings import ProvenanceSettings, Settings

CERTIFICATE_DAYS = 14
"""A certificate that ends so soon should have been renewed by now."""


async def tls(settings: Settings) -> str:
    """The gateway's certificate belongs to its key and is good for some time."""
    return await asyncio.to_thread(_tls, settings.tls)


async def content_credentials(settings: Settings) -> str:
    """The certificate that signs pictures can do so, and is good for some time."""
    return await asyncio.to_thread(_signing, settings.provenance)


def _tls(settings: TlsSettings) -> str:
    if settings.certificate is None or settings.key is None:
        return "none is configured"
    advice = "see LIKENESS_TLS__CERTIFICATE and LIKENESS_TLS__KEY"
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(settings.certificate, settings.key, lambda: "")
    except OSError as error:
        raise TroubleError(f"certificate and key can't be used ({error})", advice) from error
    return _lifetime(settings.certificate, advice)


def _signing(settings: ProvenanceSettings) -> str:
    advice = "see LIKENESS_PROVENANCE__CERTIFICATES and docs/provenance.md"
    try:
        ContentCredentials(settings)
    except CertificateError as error:
        raise TroubleError(str(error), advice) from error
    if settings.certificates is None:
        return "pictures are not signed: no certificate is configured"
    return _lifetime(settings.certificates, advice)


def _lifetime(chain: Path, advice: str) -> str:
    """How long all certificates of a file are good for."""
    certificates = x509.load_pem_x509_certificates(chain.read_bytes())
    ends = min(certificate.not_valid_after_utc for certificate in certificates)
    days = (ends - datetime.now(UTC)).total_seconds() / 86400
    if days < 0:
        raise TroubleError(f"the certificate has expired on {ends:%Y-%m-%d}", advice)
    text = f"the certificate is good for {days:.0f} days more"
    if days < CERTIFICATE_DAYS:
        raise TroubleError(
            f"{text}, less than {CERTIFICATE_DAYS}", f"renew it, {advice}", Verdict.WARN
        )
    return text
