import datetime

from buf.validate import validate_pb2 as _validate_pb2
from google.api import annotations_pb2 as _annotations_pb2
from google.api import client_pb2 as _client_pb2
from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.api import resource_pb2 as _resource_pb2
from google.longrunning import operations_pb2 as _operations_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import field_mask_pb2 as _field_mask_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.rpc import status_pb2 as _status_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Identity(_message.Message):
    __slots__ = ("name", "uid", "state", "class_noun", "base_model_digest", "stage_count", "token_width", "artifact_digest", "create_time", "ready_time", "error", "etag")
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATE_UNSPECIFIED: _ClassVar[Identity.State]
        STATE_TRAINING: _ClassVar[Identity.State]
        STATE_READY: _ClassVar[Identity.State]
        STATE_FAILED: _ClassVar[Identity.State]
    STATE_UNSPECIFIED: Identity.State
    STATE_TRAINING: Identity.State
    STATE_READY: Identity.State
    STATE_FAILED: Identity.State
    NAME_FIELD_NUMBER: _ClassVar[int]
    UID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    CLASS_NOUN_FIELD_NUMBER: _ClassVar[int]
    BASE_MODEL_DIGEST_FIELD_NUMBER: _ClassVar[int]
    STAGE_COUNT_FIELD_NUMBER: _ClassVar[int]
    TOKEN_WIDTH_FIELD_NUMBER: _ClassVar[int]
    ARTIFACT_DIGEST_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    READY_TIME_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    name: str
    uid: str
    state: Identity.State
    class_noun: str
    base_model_digest: str
    stage_count: int
    token_width: int
    artifact_digest: str
    create_time: _timestamp_pb2.Timestamp
    ready_time: _timestamp_pb2.Timestamp
    error: _status_pb2.Status
    etag: str
    def __init__(self, name: _Optional[str] = ..., uid: _Optional[str] = ..., state: _Optional[_Union[Identity.State, str]] = ..., class_noun: _Optional[str] = ..., base_model_digest: _Optional[str] = ..., stage_count: _Optional[int] = ..., token_width: _Optional[int] = ..., artifact_digest: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., ready_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ..., etag: _Optional[str] = ...) -> None: ...

class Consent(_message.Message):
    __slots__ = ("given_by", "given_time", "purpose", "recorded_by")
    GIVEN_BY_FIELD_NUMBER: _ClassVar[int]
    GIVEN_TIME_FIELD_NUMBER: _ClassVar[int]
    PURPOSE_FIELD_NUMBER: _ClassVar[int]
    RECORDED_BY_FIELD_NUMBER: _ClassVar[int]
    given_by: str
    given_time: _timestamp_pb2.Timestamp
    purpose: str
    recorded_by: str
    def __init__(self, given_by: _Optional[str] = ..., given_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., purpose: _Optional[str] = ..., recorded_by: _Optional[str] = ...) -> None: ...

class TrainIdentityRequest(_message.Message):
    __slots__ = ("identity_id", "image", "class_noun", "preset", "seed", "request_id", "preview_count", "timeout", "consent")
    IDENTITY_ID_FIELD_NUMBER: _ClassVar[int]
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    CLASS_NOUN_FIELD_NUMBER: _ClassVar[int]
    PRESET_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    PREVIEW_COUNT_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    CONSENT_FIELD_NUMBER: _ClassVar[int]
    identity_id: str
    image: bytes
    class_noun: str
    preset: str
    seed: int
    request_id: str
    preview_count: int
    timeout: _duration_pb2.Duration
    consent: Consent
    def __init__(self, identity_id: _Optional[str] = ..., image: _Optional[bytes] = ..., class_noun: _Optional[str] = ..., preset: _Optional[str] = ..., seed: _Optional[int] = ..., request_id: _Optional[str] = ..., preview_count: _Optional[int] = ..., timeout: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., consent: _Optional[_Union[Consent, _Mapping]] = ...) -> None: ...

class TrainIdentityResponse(_message.Message):
    __slots__ = ("identity",)
    IDENTITY_FIELD_NUMBER: _ClassVar[int]
    identity: Identity
    def __init__(self, identity: _Optional[_Union[Identity, _Mapping]] = ...) -> None: ...

class TrainIdentityMetadata(_message.Message):
    __slots__ = ("identity", "state", "step", "total_steps", "loss", "denoising_loss", "attention_loss", "seconds_left", "attempt", "create_time", "start_time", "end_time", "queue_position", "estimated_start_time", "preview")
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATE_UNSPECIFIED: _ClassVar[TrainIdentityMetadata.State]
        STATE_QUEUED: _ClassVar[TrainIdentityMetadata.State]
        STATE_RUNNING: _ClassVar[TrainIdentityMetadata.State]
        STATE_SUCCEEDED: _ClassVar[TrainIdentityMetadata.State]
        STATE_FAILED: _ClassVar[TrainIdentityMetadata.State]
        STATE_CANCELLED: _ClassVar[TrainIdentityMetadata.State]
    STATE_UNSPECIFIED: TrainIdentityMetadata.State
    STATE_QUEUED: TrainIdentityMetadata.State
    STATE_RUNNING: TrainIdentityMetadata.State
    STATE_SUCCEEDED: TrainIdentityMetadata.State
    STATE_FAILED: TrainIdentityMetadata.State
    STATE_CANCELLED: TrainIdentityMetadata.State
    IDENTITY_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    TOTAL_STEPS_FIELD_NUMBER: _ClassVar[int]
    LOSS_FIELD_NUMBER: _ClassVar[int]
    DENOISING_LOSS_FIELD_NUMBER: _ClassVar[int]
    ATTENTION_LOSS_FIELD_NUMBER: _ClassVar[int]
    SECONDS_LEFT_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    QUEUE_POSITION_FIELD_NUMBER: _ClassVar[int]
    ESTIMATED_START_TIME_FIELD_NUMBER: _ClassVar[int]
    PREVIEW_FIELD_NUMBER: _ClassVar[int]
    identity: str
    state: TrainIdentityMetadata.State
    step: int
    total_steps: int
    loss: float
    denoising_loss: float
    attention_loss: float
    seconds_left: float
    attempt: int
    create_time: _timestamp_pb2.Timestamp
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    queue_position: int
    estimated_start_time: _timestamp_pb2.Timestamp
    preview: bytes
    def __init__(self, identity: _Optional[str] = ..., state: _Optional[_Union[TrainIdentityMetadata.State, str]] = ..., step: _Optional[int] = ..., total_steps: _Optional[int] = ..., loss: _Optional[float] = ..., denoising_loss: _Optional[float] = ..., attention_loss: _Optional[float] = ..., seconds_left: _Optional[float] = ..., attempt: _Optional[int] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., queue_position: _Optional[int] = ..., estimated_start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., preview: _Optional[bytes] = ...) -> None: ...

class WatchTrainingRequest(_message.Message):
    __slots__ = ("operation", "after_sequence")
    OPERATION_FIELD_NUMBER: _ClassVar[int]
    AFTER_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    operation: str
    after_sequence: int
    def __init__(self, operation: _Optional[str] = ..., after_sequence: _Optional[int] = ...) -> None: ...

class WatchTrainingResponse(_message.Message):
    __slots__ = ("sequence", "metadata", "identity", "error")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    IDENTITY_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    metadata: TrainIdentityMetadata
    identity: Identity
    error: _status_pb2.Status
    def __init__(self, sequence: _Optional[int] = ..., metadata: _Optional[_Union[TrainIdentityMetadata, _Mapping]] = ..., identity: _Optional[_Union[Identity, _Mapping]] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ...) -> None: ...

class GetIdentityRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class GetIdentityResponse(_message.Message):
    __slots__ = ("identity", "consent")
    IDENTITY_FIELD_NUMBER: _ClassVar[int]
    CONSENT_FIELD_NUMBER: _ClassVar[int]
    identity: Identity
    consent: Consent
    def __init__(self, identity: _Optional[_Union[Identity, _Mapping]] = ..., consent: _Optional[_Union[Consent, _Mapping]] = ...) -> None: ...

class ListIdentitiesRequest(_message.Message):
    __slots__ = ("page_size", "page_token", "read_mask")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    READ_MASK_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    read_mask: _field_mask_pb2.FieldMask
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., read_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ...) -> None: ...

class ListIdentitiesResponse(_message.Message):
    __slots__ = ("identities", "next_page_token")
    IDENTITIES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    identities: _containers.RepeatedCompositeFieldContainer[Identity]
    next_page_token: str
    def __init__(self, identities: _Optional[_Iterable[_Union[Identity, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class DeleteIdentityRequest(_message.Message):
    __slots__ = ("name", "etag")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    name: str
    etag: str
    def __init__(self, name: _Optional[str] = ..., etag: _Optional[str] = ...) -> None: ...

class DeleteIdentityResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ExportIdentityRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class ExportIdentityResponse(_message.Message):
    __slots__ = ("identity", "artifact")
    IDENTITY_FIELD_NUMBER: _ClassVar[int]
    ARTIFACT_FIELD_NUMBER: _ClassVar[int]
    identity: Identity
    artifact: bytes
    def __init__(self, identity: _Optional[_Union[Identity, _Mapping]] = ..., artifact: _Optional[bytes] = ...) -> None: ...

class ImportIdentityRequest(_message.Message):
    __slots__ = ("identity_id", "artifact", "artifact_digest", "consent")
    IDENTITY_ID_FIELD_NUMBER: _ClassVar[int]
    ARTIFACT_FIELD_NUMBER: _ClassVar[int]
    ARTIFACT_DIGEST_FIELD_NUMBER: _ClassVar[int]
    CONSENT_FIELD_NUMBER: _ClassVar[int]
    identity_id: str
    artifact: bytes
    artifact_digest: str
    consent: Consent
    def __init__(self, identity_id: _Optional[str] = ..., artifact: _Optional[bytes] = ..., artifact_digest: _Optional[str] = ..., consent: _Optional[_Union[Consent, _Mapping]] = ...) -> None: ...

class ImportIdentityResponse(_message.Message):
    __slots__ = ("identity",)
    IDENTITY_FIELD_NUMBER: _ClassVar[int]
    identity: Identity
    def __init__(self, identity: _Optional[_Union[Identity, _Mapping]] = ...) -> None: ...
