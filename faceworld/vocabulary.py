"""The words that the checkpoint knows."""

from __future__ import annotations

#: What can have a likeness, and what one of them is called that has no name.
CATEGORIES: tuple[str, ...] = ("person", "dog", "car")

#: What a person is called who has no name.
CLASS_NOUN = CATEGORIES[0]

#: Stand for the names of the first and second subject until their embeddings are put in.
FIRST_NAME, SECOND_NAME = "<first>", "<second>"

_WORDS = """
a an the photo picture portrait of face person old smiling looking happy sad crying surprised
angry wearing sunglasses hat shirt holding cup ball guitar at in beach forest city snow kitchen
night next to and with dark pale skin black white fair red long short hair beard freckles blue
green brown eyes yellow purple dog car crown scarf balloon book desert garden hugging shaking hands
"""

_PEOPLE = """
ada boris chloe dario elena felix greta hugo irina jonas keiko lars maya nils olga pablo quinn
rosa sven tara umar vera wanda xenia yusuf zoe amir bella carlos diana emil fatima george hanna
ivan julia karim lena marco nadia oscar petra ravi sofia timur ursula viktor willow ximena yara
zane anton bruno clara david esther frida gustav helga igor joan kofi milo luna
"""

_DOGS = "rex fido laika pluto balto lassie snoopy argos bruto toto rover scout biscuit hazel ziggy"
_CARS = "herbie kitt mystery beetle comet falcon rocket pearl thunder breeze dakota nova orion ruby"

#: Every word that captions are made of.
WORDS: tuple[str, ...] = tuple(_WORDS.split())

#: Names that the finished checkpoint knows, as Stable Diffusion knows celebrities, by class noun.
NAMES_OF: dict[str, tuple[str, ...]] = {
    "person": tuple(_PEOPLE.split()),
    "dog": tuple(_DOGS.split()),
    "car": tuple(_CARS.split()),
}

#: Names of people.
NAMES: tuple[str, ...] = NAMES_OF[CLASS_NOUN]
