"""The weight over timesteps, by what the U-Net predicts."""

import torch

from basemodel import NoiseSchedule
from trainer.losses import timestep_weight

ALPHAS = torch.linspace(0.999, 0.005, 1000)
TIMESTEPS = torch.tensor([0, 1, 100, 500, 900, 999])


def test_balanced_weighs_one_error_alike_whatever_is_predicted() -> None:
    """At one latent an error in the velocity is one of ``sqrt(abar)`` times that in the noise."""
    noise = timestep_weight(NoiseSchedule(ALPHAS, "epsilon"), TIMESTEPS, "balanced")
    velocity = timestep_weight(NoiseSchedule(ALPHAS, "v_prediction"), TIMESTEPS, "balanced")
    error_of_velocity = torch.rand(len(TIMESTEPS), generator=torch.Generator().manual_seed(0))
    error_of_noise = ALPHAS[TIMESTEPS].sqrt() * error_of_velocity
    torch.testing.assert_close(velocity * error_of_velocity**2, noise * error_of_noise**2)


def test_uniform_is_one() -> None:
    for prediction in ("epsilon", "v_prediction"):
        weight = timestep_weight(NoiseSchedule(ALPHAS, prediction), TIMESTEPS, "uniform")  # type: ignore[arg-type]
        assert (weight == 1).all()
