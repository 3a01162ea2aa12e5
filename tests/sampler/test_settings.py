"""The sampler's limits come from the environment, and a wrong one names itself."""

import pytest

from sampler.settings import SamplerSettings


def test_what_is_not_set_has_its_default() -> None:
    assert SamplerSettings.from_environment({}) == SamplerSettings()


def test_reads_the_environment() -> None:
    environment = {
        "LIKENESS_SAMPLER_MAX_WAITING": "3",
        "LIKENESS_SAMPLER_CONDITIONING_CACHE_BYTES": "0",
        "LIKENESS_SAMPLER_CONDITIONING_CACHE_SECONDS": "7",
    }
    assert SamplerSettings.from_environment(environment) == SamplerSettings(3, 0, 7)


@pytest.mark.parametrize("value", ["0", "-1", "many", ""])
def test_names_a_wrong_value(value: str) -> None:
    with pytest.raises(ValueError, match="LIKENESS_SAMPLER_MAX_WAITING must be a whole number"):
        SamplerSettings.from_environment({"LIKENESS_SAMPLER_MAX_WAITING": value})
