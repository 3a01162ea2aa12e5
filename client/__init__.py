"""Python client and the `likeness` command line."""

from client.access import Access
from client.client import LikenessClient
from client.connection import DEFAULT_ADDRESS
from client.consent import Consent
from client.errors import FieldViolation, LikenessError
from client.generation import Drawing
from client.names import placeholder_bindings
from client.training import Lesson, Training, TrainingUpdate

__all__ = [
    "DEFAULT_ADDRESS",
    "Access",
    "Consent",
    "Drawing",
    "FieldViolation",
    "Lesson",
    "LikenessClient",
    "LikenessError",
    "Training",
    "TrainingUpdate",
    "placeholder_bindings",
]
