"""The peer: the loop body of diffusers' textual_inversion example, on the same checkpoint.

As in ``examples/textual_inversion/textual_inversion.py`` of diffusers 0.42: the VAE encodes each
batch anew, AdamW works on the whole table of word embeddings, and all words but the new one are put
back after each step. Pictures are transformed beforehand, which the example does in its loader.
"""

from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, DDPMScheduler, UNet2DConditionModel
from torch import Tensor
from torch.nn.functional import mse_loss
from transformers import CLIPTextModel, CLIPTokenizer

TOKEN = "<likeness>"
_PARTS: tuple[tuple[Any, str], ...] = (
    (AutoencoderKL, "vae"),
    (UNet2DConditionModel, "unet"),
    (DDPMScheduler, "scheduler"),
)


class TextualInversion:
    """One training of one word; :meth:`step` is the loop's body.

    Args:
        checkpoint: the base model.
        pixels: ``[V, 3, H, W]`` in [-1, 1], of which batches are drawn.
        prompt: with ``{}`` where the word stands.
        batch: rows of a step.
        learning_rate: of AdamW.
    """

    def __init__(
        self, checkpoint: Path, pixels: Tensor, prompt: str, batch: int, learning_rate: float
    ) -> None:
        self.pixels, self.batch = pixels, batch
        tokenizer: Any = CLIPTokenizer.from_pretrained(checkpoint / "tokenizer")
        self.text_encoder: Any = CLIPTextModel.from_pretrained(checkpoint / "text_encoder")
        self.vae, self.unet, self.scheduler = (
            kind.from_pretrained(checkpoint, subfolder=folder) for kind, folder in _PARTS
        )
        tokenizer.add_tokens([TOKEN])
        self.text_encoder.resize_token_embeddings(len(tokenizer))
        self.vae.requires_grad_(False)
        self.unet.requires_grad_(False)
        self.text_encoder.requires_grad_(False)
        embedding: Any = self.text_encoder.get_input_embeddings()
        self.table: Tensor = embedding.weight.requires_grad_(True)
        self.text_encoder.train()
        self.original = self.table.detach().clone()
        self.others = torch.ones(len(tokenizer), dtype=torch.bool)
        self.others[tokenizer.convert_tokens_to_ids(TOKEN)] = False
        window = self.text_encoder.config.max_position_embeddings
        self.ids = tokenizer(
            [prompt.format(TOKEN)] * batch,
            padding="max_length",
            truncation=True,
            max_length=window,
            return_tensors="pt",
        ).input_ids
        self.optimizer = torch.optim.AdamW([self.table], lr=learning_rate)

    def step(self) -> None:
        """One optimisation step."""
        pixels = self.pixels[torch.randint(len(self.pixels), (self.batch,))]
        latents = self.vae.encode(pixels).latent_dist.sample().detach()
        latents = latents * self.vae.config.scaling_factor
        noise = torch.randn_like(latents)
        timesteps = torch.randint(self.scheduler.config.num_train_timesteps, (self.batch,))
        noisy = self.scheduler.add_noise(latents, noise, timesteps)
        features = self.text_encoder(self.ids)[0]
        predicted = self.unet(noisy, timesteps, features).sample
        loss = mse_loss(predicted.float(), noise.float())
        torch.autograd.backward(loss)
        self.optimizer.step()
        self.optimizer.zero_grad()
        with torch.no_grad():
            self.table[self.others] = self.original[self.others]
