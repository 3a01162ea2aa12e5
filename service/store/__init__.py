"""The gateway's database: identities and training operations."""

from service.store.api_keys import ApiKey, ApiKeyStore
from service.store.audit import AuditStore, Entry
from service.store.consents import Consent
from service.store.database import Database
from service.store.filters import FilterError, OperationFilter
from service.store.identities import EtagMismatchError, IdentityStore
from service.store.jobs import JobStore
from service.store.leadership import LeadershipStore, NotLeaderError, Reign
from service.store.operations import NewTraining, OperationStore
from service.store.paging import Page, PageTokenError
from service.store.quotas import Limits, QuotaStore
from service.store.records import (
    DAY,
    SECOND,
    Failure,
    IdentityRecord,
    IdentityState,
    OperationRecord,
    OperationState,
    Training,
    TrainingProgress,
    now,
)
from service.store.schema import SchemaError
from service.store.soundness import Owner, SoundnessStore
from service.store.tenants import TenantStore, Usage

__all__ = [
    "DAY",
    "SECOND",
    "ApiKey",
    "ApiKeyStore",
    "AuditStore",
    "Consent",
    "Database",
    "Entry",
    "EtagMismatchError",
    "Failure",
    "FilterError",
    "IdentityRecord",
    "IdentityState",
    "IdentityStore",
    "JobStore",
    "LeadershipStore",
    "Limits",
    "NewTraining",
    "NotLeaderError",
    "OperationFilter",
    "OperationRecord",
    "OperationState",
    "OperationStore",
    "Owner",
    "Page",
    "PageTokenError",
    "QuotaStore",
    "Reign",
    "SchemaError",
    "SoundnessStore",
    "TenantStore",
    "Training",
    "TrainingProgress",
    "Usage",
    "now",
]
