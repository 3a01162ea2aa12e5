from buf.validate import validate_pb2 as _validate_pb2
from google.api import annotations_pb2 as _annotations_pb2
from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Scheduler(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SCHEDULER_UNSPECIFIED: _ClassVar[Scheduler]
    SCHEDULER_DDIM: _ClassVar[Scheduler]
    SCHEDULER_DPMPP_2M: _ClassVar[Scheduler]
    SCHEDULER_EULER: _ClassVar[Scheduler]
    SCHEDULER_EULER_ANCESTRAL: _ClassVar[Scheduler]
    SCHEDULER_UNIPC: _ClassVar[Scheduler]
    SCHEDULER_LCM: _ClassVar[Scheduler]

class Priority(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PRIORITY_UNSPECIFIED: _ClassVar[Priority]
    PRIORITY_LOW: _ClassVar[Priority]
    PRIORITY_NORMAL: _ClassVar[Priority]
    PRIORITY_HIGH: _ClassVar[Priority]
SCHEDULER_UNSPECIFIED: Scheduler
SCHEDULER_DDIM: Scheduler
SCHEDULER_DPMPP_2M: Scheduler
SCHEDULER_EULER: Scheduler
SCHEDULER_EULER_ANCESTRAL: Scheduler
SCHEDULER_UNIPC: Scheduler
SCHEDULER_LCM: Scheduler
PRIORITY_UNSPECIFIED: Priority
PRIORITY_LOW: Priority
PRIORITY_NORMAL: Priority
PRIORITY_HIGH: Priority

class IdentityStrength(_message.Message):
    __slots__ = ("stages",)
    STAGES_FIELD_NUMBER: _ClassVar[int]
    stages: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, stages: _Optional[_Iterable[float]] = ...) -> None: ...

class InitImage(_message.Message):
    __slots__ = ("data", "strength")
    DATA_FIELD_NUMBER: _ClassVar[int]
    STRENGTH_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    strength: float
    def __init__(self, data: _Optional[bytes] = ..., strength: _Optional[float] = ...) -> None: ...

class TimestepInterval(_message.Message):
    __slots__ = ("first", "last")
    FIRST_FIELD_NUMBER: _ClassVar[int]
    LAST_FIELD_NUMBER: _ClassVar[int]
    first: int
    last: int
    def __init__(self, first: _Optional[int] = ..., last: _Optional[int] = ...) -> None: ...

class GenerationSpec(_message.Message):
    __slots__ = ("prompt", "identities", "negative_prompt", "image_count", "steps", "guidance_scale", "seed", "scheduler", "width", "height", "strengths", "init_image", "guidance_interval", "priority", "additional_prompts")
    class IdentitiesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    class StrengthsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: IdentityStrength
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[IdentityStrength, _Mapping]] = ...) -> None: ...
    PROMPT_FIELD_NUMBER: _ClassVar[int]
    IDENTITIES_FIELD_NUMBER: _ClassVar[int]
    NEGATIVE_PROMPT_FIELD_NUMBER: _ClassVar[int]
    IMAGE_COUNT_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    GUIDANCE_SCALE_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    SCHEDULER_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    STRENGTHS_FIELD_NUMBER: _ClassVar[int]
    INIT_IMAGE_FIELD_NUMBER: _ClassVar[int]
    GUIDANCE_INTERVAL_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    ADDITIONAL_PROMPTS_FIELD_NUMBER: _ClassVar[int]
    prompt: str
    identities: _containers.ScalarMap[str, str]
    negative_prompt: str
    image_count: int
    steps: int
    guidance_scale: float
    seed: int
    scheduler: Scheduler
    width: int
    height: int
    strengths: _containers.MessageMap[str, IdentityStrength]
    init_image: InitImage
    guidance_interval: TimestepInterval
    priority: Priority
    additional_prompts: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, prompt: _Optional[str] = ..., identities: _Optional[_Mapping[str, str]] = ..., negative_prompt: _Optional[str] = ..., image_count: _Optional[int] = ..., steps: _Optional[int] = ..., guidance_scale: _Optional[float] = ..., seed: _Optional[int] = ..., scheduler: _Optional[_Union[Scheduler, str]] = ..., width: _Optional[int] = ..., height: _Optional[int] = ..., strengths: _Optional[_Mapping[str, IdentityStrength]] = ..., init_image: _Optional[_Union[InitImage, _Mapping]] = ..., guidance_interval: _Optional[_Union[TimestepInterval, _Mapping]] = ..., priority: _Optional[_Union[Priority, str]] = ..., additional_prompts: _Optional[_Iterable[str]] = ...) -> None: ...

class GeneratedImage(_message.Message):
    __slots__ = ("data", "mime_type", "index", "seed", "width", "height", "prompt_index", "watermarked", "content_credentials", "finish_reason")
    class FinishReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        FINISH_REASON_UNSPECIFIED: _ClassVar[GeneratedImage.FinishReason]
        FINISH_REASON_COMPLETED: _ClassVar[GeneratedImage.FinishReason]
        FINISH_REASON_FILTERED: _ClassVar[GeneratedImage.FinishReason]
    FINISH_REASON_UNSPECIFIED: GeneratedImage.FinishReason
    FINISH_REASON_COMPLETED: GeneratedImage.FinishReason
    FINISH_REASON_FILTERED: GeneratedImage.FinishReason
    DATA_FIELD_NUMBER: _ClassVar[int]
    MIME_TYPE_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    PROMPT_INDEX_FIELD_NUMBER: _ClassVar[int]
    WATERMARKED_FIELD_NUMBER: _ClassVar[int]
    CONTENT_CREDENTIALS_FIELD_NUMBER: _ClassVar[int]
    FINISH_REASON_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    mime_type: str
    index: int
    seed: int
    width: int
    height: int
    prompt_index: int
    watermarked: bool
    content_credentials: bool
    finish_reason: GeneratedImage.FinishReason
    def __init__(self, data: _Optional[bytes] = ..., mime_type: _Optional[str] = ..., index: _Optional[int] = ..., seed: _Optional[int] = ..., width: _Optional[int] = ..., height: _Optional[int] = ..., prompt_index: _Optional[int] = ..., watermarked: _Optional[bool] = ..., content_credentials: _Optional[bool] = ..., finish_reason: _Optional[_Union[GeneratedImage.FinishReason, str]] = ...) -> None: ...

class GenerateRequest(_message.Message):
    __slots__ = ("spec",)
    SPEC_FIELD_NUMBER: _ClassVar[int]
    spec: GenerationSpec
    def __init__(self, spec: _Optional[_Union[GenerationSpec, _Mapping]] = ...) -> None: ...

class GenerateResponse(_message.Message):
    __slots__ = ("images",)
    IMAGES_FIELD_NUMBER: _ClassVar[int]
    images: _containers.RepeatedCompositeFieldContainer[GeneratedImage]
    def __init__(self, images: _Optional[_Iterable[_Union[GeneratedImage, _Mapping]]] = ...) -> None: ...

class StreamGenerateRequest(_message.Message):
    __slots__ = ("spec", "preview_every")
    SPEC_FIELD_NUMBER: _ClassVar[int]
    PREVIEW_EVERY_FIELD_NUMBER: _ClassVar[int]
    spec: GenerationSpec
    preview_every: int
    def __init__(self, spec: _Optional[_Union[GenerationSpec, _Mapping]] = ..., preview_every: _Optional[int] = ...) -> None: ...

class GenerationProgress(_message.Message):
    __slots__ = ("step", "total_steps", "queue_position")
    STEP_FIELD_NUMBER: _ClassVar[int]
    TOTAL_STEPS_FIELD_NUMBER: _ClassVar[int]
    QUEUE_POSITION_FIELD_NUMBER: _ClassVar[int]
    step: int
    total_steps: int
    queue_position: int
    def __init__(self, step: _Optional[int] = ..., total_steps: _Optional[int] = ..., queue_position: _Optional[int] = ...) -> None: ...

class GenerationPreview(_message.Message):
    __slots__ = ("data", "mime_type", "index", "step")
    DATA_FIELD_NUMBER: _ClassVar[int]
    MIME_TYPE_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    mime_type: str
    index: int
    step: int
    def __init__(self, data: _Optional[bytes] = ..., mime_type: _Optional[str] = ..., index: _Optional[int] = ..., step: _Optional[int] = ...) -> None: ...

class StreamGenerateResponse(_message.Message):
    __slots__ = ("progress", "image", "preview")
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    PREVIEW_FIELD_NUMBER: _ClassVar[int]
    progress: GenerationProgress
    image: GeneratedImage
    preview: GenerationPreview
    def __init__(self, progress: _Optional[_Union[GenerationProgress, _Mapping]] = ..., image: _Optional[_Union[GeneratedImage, _Mapping]] = ..., preview: _Optional[_Union[GenerationPreview, _Mapping]] = ...) -> None: ...
