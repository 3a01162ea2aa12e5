"""How much of an identity each stage draws, for keys and values apart (paper Fig. 4 and 12)."""

import numpy as np
import numpy.typing as npt


def blend(
    tokens: npt.NDArray[np.float32],
    noun: npt.NDArray[np.float32],
    strength: npt.NDArray[np.float32],
) -> npt.NDArray[np.float32]:
    """``(1 - strength) noun + strength tokens``: 0 is the class noun, 1 the identity.

    With zeros and ones it is the paper's substitution of single stages, and of keys or values.

    Args:
        tokens: ``[S, 2, D]``, the identity.
        noun: ``[D]``, the token embedding of its class noun.
        strength: ``[S, 2]`` in [0, 1], per stage, of the keys (0) and of the values (1).

    Returns:
        ``[S, 2, D]`` float32, exact at 0 and 1.

    Raises:
        ValueError: the shapes don't fit each other, or a strength lies outside [0, 1].
    """
    if tokens.ndim != 3 or tokens.shape[1] != 2:
        raise ValueError(f"tokens must be [stages, 2, D], got {list(tokens.shape)}")
    stages, _, width = tokens.shape
    if noun.shape != (width,):
        raise ValueError(f"noun must be [{width}], got {list(noun.shape)}")
    if strength.shape != (stages, 2):
        raise ValueError(f"strength must be [{stages}, 2], got {list(strength.shape)}")
    if not ((strength >= 0) & (strength <= 1)).all():  # NaN fails it too
        raise ValueError(f"strength must lie in [0, 1], got {strength.min()} to {strength.max()}")
    share = strength[..., None].astype(np.float32)
    blended: npt.NDArray[np.float32] = (1 - share) * noun + share * tokens
    return blended.astype(np.float32)
