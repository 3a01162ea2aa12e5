"""The words that the checkpoint knows."""

from __future__ import annotations

#: What a person is called who has no name.
CLASS_NOUN = "person"

#: Stand for the names of the first and second person until their embeddings are put in.
FIRST_NAME, SECOND_NAME = "<first>", "<second>"

_WORDS = """
a an the photo picture portrait of face person old smiling looking happy sad crying surprised
angry wearing sunglasses hat shirt holding cup ball guitar at in beach forest city snow kitchen
night next to and with dark pale skin black white fair red long short hair beard freckles blue
green brown eyes yellow purple
"""

_NAMES = """
ada boris chloe dario elena felix greta hugo irina jonas keiko lars maya nils olga pablo quinn
rosa sven tara umar vera wanda xenia yusuf zoe amir bella carlos diana emil fatima george hanna
ivan julia karim lena marco nadia oscar petra ravi sofia timur ursula viktor willow ximena yara
zane anton bruno clara david esther frida gustav helga igor joan kofi milo luna
"""

#: Every word that captions are made of.
WORDS: tuple[str, ...] = tuple(_WORDS.split())

#: First names that the finished checkpoint knows, as Stable Diffusion knows celebrities.
NAMES: tuple[str, ...] = tuple(_NAMES.split())
