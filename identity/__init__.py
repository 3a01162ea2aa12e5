"""What an identity is: stages, the tensor artifact and its placeholder in a prompt."""

from identity.artifact import ArtifactError, Identity
from identity.prompt import Placeholder, Prompt, PromptError, PromptTokenizer
from identity.stages import STAGES, TRAIN_TIMESTEPS, stage_of, stage_timesteps

__all__ = [
    "STAGES",
    "TRAIN_TIMESTEPS",
    "ArtifactError",
    "Identity",
    "Placeholder",
    "Prompt",
    "PromptError",
    "PromptTokenizer",
    "stage_of",
    "stage_timesteps",
]
