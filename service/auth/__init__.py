"""Who calls: API keys, signed tokens and client certificates, each of which leads to a tenant."""

from service.auth.authenticator import Authenticator

__all__ = ["Authenticator"]
