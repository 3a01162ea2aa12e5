"""Which base models the exported interface can serve."""

from basemodel import BaseModel


class ExportError(ValueError):
    """The base model can't be exported; the message names what is in the way."""


EXTRA_CONDITIONING = (
    "addition_embed_type",
    "class_embed_type",
    "encoder_hid_dim_type",
    "num_class_embeds",
    "time_cond_proj_dim",
)
"""Fields of ``unet/config.json`` that give the U-Net inputs besides latents, timestep and text."""


def check_supported(base_model: BaseModel) -> None:
    """Raises :class:`ExportError` for a U-Net whose inputs are not those of SD 1.x and 2.x."""
    unet, vae = base_model.unet.config, base_model.vae.config
    for field in EXTRA_CONDITIONING:
        if (value := getattr(unet, field, None)) is not None:
            raise ExportError(f"unet/config.json: {field} {value} is not supported")
    for field in ("in_channels", "out_channels"):
        if (channels := getattr(unet, field)) != vae.latent_channels:
            raise ExportError(
                f"unet/config.json: {field} {channels} is not supported; "
                f"the VAE's latents have {vae.latent_channels} channels"
            )
