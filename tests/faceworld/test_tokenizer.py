"""Every word is one token, in every process the same, and nothing is unknown."""

import subprocess
import sys

import numpy as np
import pytest
from transformers import CLIPTokenizer

from faceworld import EVALUATION_PROMPTS
from faceworld.captions import caption
from faceworld.dataset import view_factors
from faceworld.identity import sample_identity
from faceworld.tokenizer import build_tokenizer, encode, word_ids
from faceworld.vocabulary import CATEGORIES, NAMES_OF, WORDS


@pytest.fixture(scope="module")
def tokenizer() -> CLIPTokenizer:
    return build_tokenizer(32)


def test_words_are_single_tokens(tokenizer: CLIPTokenizer) -> None:
    names = [name for of_one_kind in NAMES_OF.values() for name in of_one_kind]
    assert len({*WORDS, *names}) == len(WORDS) + len(names)
    for word in (*WORDS, *names):
        assert tokenizer(word).input_ids[1:-1] == word_ids(tokenizer, [word])


@pytest.mark.parametrize("text", ["a photo of the face of ada", "zyzzyva 42 ünïcode 日本!", ""])
def test_round_trip(tokenizer: CLIPTokenizer, text: str) -> None:
    ids = tokenizer(text).input_ids
    assert tokenizer.decode(ids, skip_special_tokens=True).replace(" ", "") == text.replace(" ", "")


def test_saved_tokenizer_gives_the_same_ids(tokenizer: CLIPTokenizer, tmp_path) -> None:
    tokenizer.save_pretrained(tmp_path)
    loaded = CLIPTokenizer.from_pretrained(tmp_path)
    assert loaded.model_max_length == 32
    for prompt in EVALUATION_PROMPTS["person"]:
        text = prompt.format("boris")
        assert loaded(text).input_ids == tokenizer(text).input_ids


def test_ids_are_the_same_in_another_process(tokenizer: CLIPTokenizer) -> None:
    program = (
        "from faceworld.tokenizer import build_tokenizer;"
        "print(sorted(build_tokenizer(32).get_vocab().items()))"
    )
    other = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout.strip()
    assert other.splitlines()[-1] == str(sorted(tokenizer.get_vocab().items()))


def test_captions_fit(tokenizer: CLIPTokenizer) -> None:
    rng = np.random.default_rng(0)
    texts = [
        caption(subject, view_factors(subject, view), rng)
        for subject in (sample_identity(seed, kind) for seed in range(50) for kind in CATEGORIES)
        for view in range(4)
    ]
    ids = encode(tokenizer, texts)
    assert ids.shape == (600, 32)
    assert (ids[:, -1] == tokenizer.eos_token_id).all()
