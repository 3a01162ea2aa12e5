"""What a small bundle says of itself, for tests that run no model."""

from identity import ServingBundle

BUNDLE = ServingBundle(
    base_model_digest="sha256:0",
    engine="openvino",
    stages=5,
    text_window=8,
    token_width=4,
    latent_channels=4,
    latent_height=8,
    latent_width=8,
    image_height=64,
    image_width=64,
    min_image_size=32,
    max_image_size=128,
    image_size_multiple=8,
    scaling_factor=0.18215,
    max_rows=8,
    begin_token=0,
    end_token=1,
    padding_token=1,
)
