"""What an identity is: stages, the tensor artifact and its placeholder in a prompt."""

from identity.artifact import ArtifactError, Identity, digest
from identity.bundle import (
    BundleError,
    CheckerInput,
    ServingBundle,
    picture_rows,
    prompt_rows,
)
from identity.embedding import place_identities
from identity.prompt import Placeholder, Prompt, PromptError, PromptTokenizer
from identity.stages import STAGES, TRAIN_TIMESTEPS, stage_of, stage_timesteps
from identity.strength import blend

__all__ = [
    "STAGES",
    "TRAIN_TIMESTEPS",
    "ArtifactError",
    "BundleError",
    "CheckerInput",
    "Identity",
    "Placeholder",
    "Prompt",
    "PromptError",
    "PromptTokenizer",
    "ServingBundle",
    "blend",
    "digest",
    "picture_rows",
    "place_identities",
    "prompt_rows",
    "stage_of",
    "stage_timesteps",
]
