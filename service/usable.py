"""Whether an identity can be drawn by what is served."""

from identity import Identity
from service.bundle import Bundle
from service.errors import FailedPreconditionError, NotFoundError
from service.names import IDENTITY_TYPE, identity_name
from service.store import IdentityRecord, IdentityState


def ready(identity_id: str, record: IdentityRecord | None) -> IdentityRecord:
    """The record of a READY identity.

    Raises:
        NotFoundError, FailedPreconditionError: it does not exist; it is not READY.
    """
    name = identity_name(identity_id)
    if record is None:
        raise NotFoundError(IDENTITY_TYPE, name)
    if record.state is not IdentityState.READY:
        message = f"{name} is not READY: its training " + (
            "is not done yet" if record.state is IdentityState.TRAINING else "failed"
        )
        raise FailedPreconditionError(IDENTITY_TYPE, name, message, "IDENTITY_NOT_READY")
    return record


def check_base_model(identity_id: str, learned_on: str, bundle: Bundle) -> None:
    """Raises :class:`FailedPreconditionError` if another base model is served."""
    served = bundle.description.base_model_digest
    if learned_on != served:
        name = identity_name(identity_id)
        raise FailedPreconditionError(
            IDENTITY_TYPE,
            name,
            f"{name} was learned on the base model {learned_on[:19]}, but {served[:19]} is served",
            "BASE_MODEL_MISMATCH",
        )


def check_shape(identity_id: str, identity: Identity, bundle: Bundle) -> None:
    """Raises :class:`FailedPreconditionError` if stages or width are not those that are served.

    An identity without stages is the same in all of them.
    """
    stages, width = bundle.description.stages, bundle.description.token_width
    if identity.stages not in (1, stages) or identity.width != width:
        name = identity_name(identity_id)
        raise FailedPreconditionError(
            IDENTITY_TYPE,
            name,
            f"{name} has {identity.stages} stages of width {identity.width}, "
            f"but {stages} of {width} are served",
            "IDENTITY_SHAPE_MISMATCH",
        )
