from google.api import annotations_pb2 as _annotations_pb2
from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class VerifyImageRequest(_message.Message):
    __slots__ = ("image",)
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    image: bytes
    def __init__(self, image: _Optional[bytes] = ...) -> None: ...

class VerifyImageResponse(_message.Message):
    __slots__ = ("ours", "watermark", "content_credentials")
    OURS_FIELD_NUMBER: _ClassVar[int]
    WATERMARK_FIELD_NUMBER: _ClassVar[int]
    CONTENT_CREDENTIALS_FIELD_NUMBER: _ClassVar[int]
    ours: bool
    watermark: Watermark
    content_credentials: ContentCredentials
    def __init__(self, ours: _Optional[bool] = ..., watermark: _Optional[_Union[Watermark, _Mapping]] = ..., content_credentials: _Optional[_Union[ContentCredentials, _Mapping]] = ...) -> None: ...

class Watermark(_message.Message):
    __slots__ = ("detected", "score")
    DETECTED_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    detected: bool
    score: float
    def __init__(self, detected: _Optional[bool] = ..., score: _Optional[float] = ...) -> None: ...

class ContentCredentials(_message.Message):
    __slots__ = ("state", "issuer", "machine_made")
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATE_UNSPECIFIED: _ClassVar[ContentCredentials.State]
        STATE_ABSENT: _ClassVar[ContentCredentials.State]
        STATE_INVALID: _ClassVar[ContentCredentials.State]
        STATE_VALID: _ClassVar[ContentCredentials.State]
        STATE_TRUSTED: _ClassVar[ContentCredentials.State]
    STATE_UNSPECIFIED: ContentCredentials.State
    STATE_ABSENT: ContentCredentials.State
    STATE_INVALID: ContentCredentials.State
    STATE_VALID: ContentCredentials.State
    STATE_TRUSTED: ContentCredentials.State
    STATE_FIELD_NUMBER: _ClassVar[int]
    ISSUER_FIELD_NUMBER: _ClassVar[int]
    MACHINE_MADE_FIELD_NUMBER: _ClassVar[int]
    state: ContentCredentials.State
    issuer: str
    machine_made: bool
    def __init__(self, state: _Optional[_Union[ContentCredentials.State, str]] = ..., issuer: _Optional[str] = ..., machine_made: _Optional[bool] = ...) -> None: ...
