"""`bundle.json`: read as it was written, also by packages that know no safety checker."""

import json
from pathlib import Path

import pytest

from identity import CheckerInput, ServingBundle

CHECKER = CheckerInput(224, 224, 3, (0.5, 0.4, 0.3), (0.3, 0.2, 0.1))


@pytest.mark.parametrize("checker", [None, CHECKER])
def test_only_a_checker_that_is_there_is_written(
    tmp_path: Path, checker: CheckerInput | None
) -> None:
    made = ServingBundle(
        base_model_digest="sha256:1",
        engine="openvino",
        stages=5,
        text_window=77,
        token_width=128,
        latent_channels=4,
        latent_height=8,
        latent_width=8,
        image_height=64,
        image_width=64,
        min_image_size=32,
        max_image_size=128,
        image_size_multiple=8,
        scaling_factor=0.2,
        max_rows=8,
        begin_token=0,
        end_token=1,
        padding_token=1,
        safety_checker=checker,
    )
    made.save(tmp_path)
    written = json.loads((tmp_path / "bundle.json").read_text())
    assert ("safety_checker" in written) == (checker is not None)
    read = ServingBundle.load(tmp_path)
    assert (read.base_model_digest, read.safety_checker is None) == ("sha256:1", checker is None)
