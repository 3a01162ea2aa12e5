"""The connection to the service: how long calls wait, and what is tried again."""

import json

import grpc

from client.access import Access
from client.interceptors import interceptors

_RETRIED = {
    "likeness.v1.IdentityService": (
        "TrainIdentity",  # safe: the request id makes a second call return the first operation
        "WatchTraining",
        "GetIdentity",
        "ListIdentities",
        "ExportIdentity",
    ),
    "likeness.v1.ProvenanceService": ("VerifyImage",),
    "google.longrunning.Operations": (
        "ListOperations",
        "GetOperation",
        "WaitOperation",
        "CancelOperation",
    ),
}

_RETRY = {
    "maxAttempts": 4,
    "initialBackoff": "0.2s",
    "maxBackoff": "2s",
    "backoffMultiplier": 2,
    "retryableStatusCodes": ["UNAVAILABLE"],
}

_OPTIONS = (
    ("grpc.max_receive_message_length", 64 * 2**20),  # 16 pictures in one answer
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 2000),
    (
        "grpc.service_config",
        json.dumps(
            {
                "methodConfig": [
                    {
                        "name": [
                            {"service": service, "method": method}
                            for service, methods in _RETRIED.items()
                            for method in methods
                        ],
                        "retryPolicy": _RETRY,
                    }
                ]
            }
        ),
    ),
)


def open_channel(address: str, access: Access) -> grpc.aio.Channel:
    """A channel to `address`; calls that change nothing twice are tried again while it is away.

    Raises:
        OSError: a file of `access` can't be read.
    """
    intercepted = interceptors(access)
    if (tls := access.channel_credentials(address)) is None:
        return grpc.aio.insecure_channel(address, options=_OPTIONS, interceptors=intercepted)
    return grpc.aio.secure_channel(address, tls, options=_OPTIONS, interceptors=intercepted)
