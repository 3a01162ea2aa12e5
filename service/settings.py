"""Settings of the gateway, read from the environment: ``LIKENESS_`` and the field's name in
capitals, nested groups joined by two underscores, such as ``LIKENESS_JOBS__WORK_DIR``.
"""

import base64
import binascii
import ipaddress
import sys
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from service.auth.settings import AuthSettings, TlsSettings
from service.encryption import KEY_BYTES
from service.logs import Level

HOME = Path(".likeness")
KNOWN_KEY = "likeness"
"""The watermark's, for trials: everybody knows it."""


def _address(address: str) -> str:
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise ValueError(f"must be HOST:PORT, got {address!r}")
    return address


def is_loopback(address: str) -> bool:
    """Whether only processes of this machine reach it."""
    name = address.rpartition(":")[0].strip("[]")
    try:
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _loopback(address: str) -> str:
    if not is_loopback(address):
        raise ValueError(
            f"refusing to listen on {address}: metrics are for this machine only, so only a "
            "loopback address such as 127.0.0.1 is allowed"
        )
    return address


Address = Annotated[str, AfterValidator(_address)]
LoopbackAddress = Annotated[Address, AfterValidator(_loopback)]


def problems(error: ValidationError | SettingsError) -> list[str]:
    """What is wrong with the settings, a line for each, with the variable's name."""
    if isinstance(error, SettingsError):  # it names the group of settings, not the variable
        return [str(error)]
    told = []
    for problem in error.errors():
        place = "__".join(str(part) for part in problem["loc"]).upper()
        name = f"LIKENESS_{place}: " if place else ""
        unknown = problem["type"] == "extra_forbidden"
        said = "there is no such setting" if unknown else problem["msg"]
        told.append(name + said.removeprefix("Value error, "))
    return told


class DatabaseSettings(BaseModel, extra="forbid"):
    """Where identities and operations are kept."""

    url: str = Field(
        default=f"sqlite+aiosqlite:///{HOME}/likeness.db",
        description="SQLAlchemy URL with an asynchronous driver, for example postgresql+asyncpg.",
    )


class BlobSettings(BaseModel, extra="forbid"):
    """Where images and artifacts are kept."""

    url: str = Field(
        default_factory=lambda: (HOME / "blobs").absolute().as_uri(),
        description="file:///directory or an object store's URL such as s3://bucket/prefix.",
    )


class TritonSettings(BaseModel, extra="forbid"):
    """The inference server."""

    url: str = Field(default="127.0.0.1:8001", description="Its gRPC address, HOST:PORT.")
    probe_seconds: float = Field(default=2.0, gt=0, description="Longest wait for a sign of life.")
    heartbeat_seconds: float = Field(
        default=2.0, gt=0, description="Pause between two heartbeats of the models."
    )


class RaySettings(BaseModel, extra="forbid"):
    """A Ray cluster, whose nodes have this package, the base model and the blob store at hand."""

    address: str = Field(
        default="auto",
        description="HOST:PORT of the head; auto: of the cluster that this machine is a node of.",
    )
    namespace: str = Field(
        default="likeness", min_length=1, description="Whoever leads ends other workers in it."
    )
    cpus: float = Field(default=1.0, ge=0, description="CPUs that a worker takes.")
    gpus: float = Field(default=0.0, ge=0, description="GPUs that a worker takes.")


class JobSettings(BaseModel, extra="forbid"):
    """How trainings are run."""

    backend: Literal["local", "ray"] = Field(
        default="local",
        description="local: warm subprocesses of this machine; ray: warm actors on a cluster.",
    )
    ray: RaySettings = Field(default_factory=RaySettings)
    work_dir: Path = Field(default=HOME / "jobs", description="Checkpoints of trainings under way.")
    workers: int = Field(default=1, ge=1, le=1024, description="Workers, each with its own model.")
    group_size: int = Field(
        default=8, ge=1, le=64, description="Trainings that share a worker's batch, at most."
    )
    tenant_jobs: int = Field(
        default=64, ge=1, description="Trainings of one tenant that run at the same time."
    )
    tenant_queue: int = Field(default=1000, ge=1, description="Trainings of one tenant that wait.")
    time_limit_seconds: float = Field(
        default=14400.0, gt=0, description="Longest time of a training from its first start on."
    )
    trainer: tuple[str, ...] = Field(
        default=(sys.executable, "-m", "trainer.work"),
        min_length=1,
        description="The trainer's command as a JSON list; further arguments are appended.",
    )
    idle_seconds: float = Field(
        default=300.0, ge=0, description="How long a worker without jobs keeps its model loaded."
    )
    memory_limit: int = Field(
        default=16 * 2**30,
        gt=0,
        description="Bytes above which a worker is replaced, as soon as it has no jobs.",
    )
    max_failures: int = Field(default=3, ge=1, description="Failed attempts that fail a training.")
    retry_seconds: float = Field(
        default=1.0, ge=0, description="Pause before a failed attempt's successor."
    )


PriorityName: TypeAlias = Literal["low", "normal", "high"]


class GenerationSettings(BaseModel, extra="forbid"):
    """What `Generate` does if the request leaves it open."""

    steps: int = Field(default=50, ge=1, le=150, description="Denoising steps.")
    scheduler: Literal["ddim", "dpmpp_2m", "euler", "euler_ancestral", "unipc", "lcm"] = Field(
        default="ddim", description="Solver."
    )
    guidance_scale: float = Field(default=7.5, ge=1, le=30, description="Weight of guidance.")
    timeout_seconds: float = Field(default=300.0, gt=0, le=86_400, description="Limit of a call.")
    priority_ceiling: PriorityName = Field(
        default="normal", description="The highest priority that a request may ask for."
    )
    priority_ceilings: dict[str, PriorityName] = Field(
        default_factory=dict, description="The same, of tenants that have another one."
    )

    def ceiling_of(self, tenant: str) -> PriorityName:
        """The highest priority that a tenant's requests may ask for."""
        return self.priority_ceilings.get(tenant, self.priority_ceiling)


class CallSettings(BaseModel, extra="forbid"):
    """Limits of calls and connections; docs/api.md tells callers of them."""

    default_seconds: float = Field(
        default=60.0,
        gt=0,
        description="Deadline of a call that brings none; streams, `Generate` and `WaitOperation` "
        "end of their own accord.",
    )
    concurrent: int = Field(
        default=2000, ge=1, description="Calls at a time; others get RESOURCE_EXHAUSTED."
    )
    concurrent_per_connection: int = Field(
        default=1000, ge=1, description="Calls at a time on one connection; others wait."
    )
    max_request_bytes: int = Field(
        default=20 * 2**20, ge=2**20, description="Largest request: an image of 16 MiB, with room."
    )
    max_response_bytes: int = Field(
        default=256 * 2**20, ge=2**20, description="Largest answer: 16 pictures of 2048 px."
    )
    keepalive_seconds: float = Field(
        default=60.0, ge=1, description="Silence after which the gateway asks for a sign of life."
    )
    keepalive_timeout_seconds: float = Field(
        default=20.0, ge=1, description="How long it waits for one before it hangs up."
    )
    min_ping_seconds: float = Field(
        default=10.0, ge=0, description="Callers that ping more often are cut off."
    )


class ProvenanceSettings(BaseModel, extra="forbid"):
    """What makes pictures known as the service's own; see docs/provenance.md."""

    watermark_key: SecretStr = Field(
        default=SecretStr(KNOWN_KEY),
        min_length=1,
        description="Secret of the invisible watermark, the same for all gateways. Whoever has it "
        "can find and erase the mark; the default is known to all.",
    )
    certificates: Path | None = Field(
        default=None,
        description="PEM file: the certificate that signs Content Credentials, then its issuers.",
    )
    private_key: Path | None = Field(default=None, description="PEM file of its key.")
    timestamp_url: str | None = Field(
        default=None, description="Time stamping authority (RFC 3161) for each signature."
    )
    trust_anchors: Path | None = Field(
        default=None, description="PEM file: further authorities that `VerifyImage` trusts."
    )

    @model_validator(mode="after")
    def _both(self) -> "ProvenanceSettings":
        if (self.certificates is None) != (self.private_key is None):
            raise ValueError("certificates and private_key go together")
        return self


class RetentionSettings(BaseModel, extra="forbid"):
    """When identities are erased unasked; source images never outlive their training."""

    ready_days: float | None = Field(
        default=None,
        gt=0,
        description="Days from its request on that one stays; unset: for good.",
    )
    failed_days: float | None = Field(
        default=None,
        gt=0,
        description="The same if its training failed.",
    )


def _encryption_key(key: SecretStr) -> SecretStr:
    try:
        size = len(base64.b64decode(key.get_secret_value(), validate=True))
    except binascii.Error:
        size = 0
    if size != KEY_BYTES:
        raise ValueError(f"must be {KEY_BYTES} bytes in base64")
    return key


class PrivacySettings(BaseModel, extra="forbid"):
    """What is known of the people whom identities show, and for how long; see docs/privacy.md."""

    require_consent: bool = Field(
        default=False,
        description="Whether `TrainIdentity` and `ImportIdentity` are refused without a consent.",
    )
    encryption_keys: tuple[Annotated[SecretStr, AfterValidator(_encryption_key)], ...] = Field(
        default=(),
        description="Keys of source images at rest, as a JSON list: 32 bytes each in base64. The "
        "first one encrypts, all decrypt. Empty: images are not encrypted.",
    )
    retention: RetentionSettings = Field(default_factory=RetentionSettings)

    @property
    def keys(self) -> list[bytes]:
        """The encryption keys as they are."""
        return [base64.b64decode(key.get_secret_value()) for key in self.encryption_keys]


class QuotaSettings(BaseModel, extra="forbid"):
    """What a tenant may use that has no limits of its own; None: as much as it likes."""

    requests_per_second: float | None = Field(
        default=None, gt=0, description="Calls; a second's worth may come at once."
    )
    generations: int | None = Field(
        default=None, ge=0, description="Drawings at the same time, on all gateways together."
    )
    identities: int | None = Field(default=None, ge=0, description="Stored identities.")
    image_bytes: int | None = Field(
        default=None, ge=0, description="Source images of trainings that are not done."
    )


class Settings(BaseSettings):
    """Settings of the gateway process."""

    model_config = SettingsConfigDict(env_prefix="LIKENESS_", env_nested_delimiter="__")

    listen: Address = Field(default="127.0.0.1:50051", description="gRPC address.")
    metrics_listen: LoopbackAddress = Field(
        default="127.0.0.1:9464", description="HTTP address of Prometheus metrics."
    )
    processes: int = Field(
        default=1, ge=1, le=64, description="Processes that serve the port, about one a core."
    )
    log_level: Level = Field(default="info", description="The least that is logged.")
    bundle: Path = Field(default=HOME / "serving", description="What Triton serves.")
    base_model: str = Field(
        default="faceworld/checkpoint",
        description="diffusers directory or hub id for training.",
    )
    identity_cache_bytes: int = Field(
        default=64 * 2**20,
        ge=0,
        description="Memory for artifacts in recent use.",
    )
    drain_seconds: float = Field(
        default=20.0, ge=0, description="At shutdown, how long calls in flight may take to finish."
    )
    calls: CallSettings = Field(default_factory=CallSettings)
    tls: TlsSettings = Field(default_factory=TlsSettings)
    auth: AuthSettings = Field(default_factory=AuthSettings)
    database: DatabaseSettings = Field(default_factory=DatabaseSettings)
    blobs: BlobSettings = Field(default_factory=BlobSettings)
    triton: TritonSettings = Field(default_factory=TritonSettings)
    jobs: JobSettings = Field(default_factory=JobSettings)
    generation: GenerationSettings = Field(default_factory=GenerationSettings)
    quotas: QuotaSettings = Field(default_factory=QuotaSettings)
    provenance: ProvenanceSettings = Field(default_factory=ProvenanceSettings)
    privacy: PrivacySettings = Field(default_factory=PrivacySettings)

    @model_validator(mode="after")
    def _trusted(self) -> "Settings":
        """Whoever is reachable from other machines knows his callers, and speaks TLS to them."""
        local, tls, auth = is_loopback(self.listen), self.tls, self.auth
        if not local and (tls.certificate is None or not auth.enabled):
            missing = "TLS" if tls.certificate is None else "authentication of callers"
            raise ValueError(
                f"LIKENESS_LISTEN: refusing to listen on {self.listen} without {missing}: set "
                "LIKENESS_TLS__CERTIFICATE and LIKENESS_TLS__KEY, and one of "
                "LIKENESS_AUTH__API_KEYS, LIKENESS_AUTH__JWT__... and LIKENESS_AUTH__CERTIFICATES "
                "(docs/security.md), or a loopback address such as 127.0.0.1"
            )
        if auth.sidecar and not (local and auth.certificates):
            raise ValueError(
                "LIKENESS_AUTH__SIDECAR: needs LIKENESS_AUTH__CERTIFICATES, and a loopback address "
                "in LIKENESS_LISTEN, or callers could pass the proxy by"
            )
        known = self.provenance.watermark_key.get_secret_value() == KNOWN_KEY
        if known and (auth.sidecar or not local):
            where = "behind a sidecar" if local else f"on {self.listen}"
            raise ValueError(
                f"LIKENESS_PROVENANCE__WATERMARK_KEY: refusing to listen {where} with the "
                "default, which everybody knows: set a secret of your own (docs/provenance.md)"
            )
        if auth.certificates and not (auth.sidecar or tls.client_ca):
            raise ValueError(
                "LIKENESS_AUTH__CERTIFICATES: needs LIKENESS_TLS__CLIENT_CA, or "
                "LIKENESS_AUTH__SIDECAR if a proxy verifies certificates"
            )
        return self
