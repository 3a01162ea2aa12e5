"""Properties of the validators: nothing wrong passes, nothing right is refused."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from likeness.v1 import generation_service_pb2 as pb
from likeness.v1 import identity_service_pb2 as identity_pb
from service.errors import InvalidRequestError, Violation
from service.names import parse_identity_name, quoted
from service.rules import rule_violations
from service.spec_validation import spec_violations

NUMBERS: dict[str, tuple[Any, float, float]] = {
    "image_count": (st.integers(-(2**31), 2**31 - 1), 1, 16),
    "steps": (st.integers(-(2**31), 2**31 - 1), 1, 150),
    "guidance_scale": (st.floats(width=32), 1, 30),
    "seed": (st.integers(-(2**63), 2**63 - 1), 0, 2**63 - 1),
}
FIELDS = st.fixed_dictionaries(
    {}, optional={name: values for name, (values, _, _) in NUMBERS.items()}
)
IDS = st.from_regex(r"\A[a-z][a-z0-9-]{0,62}\Z")
WORDS = st.from_regex(r"\A[A-Za-z0-9][A-Za-z0-9_-]{0,20}\Z")


def violations(spec: pb.GenerationSpec) -> list[Violation]:
    found = rule_violations(pb.GenerateRequest(spec=spec))
    return found + spec_violations(spec, None, pb.PRIORITY_NORMAL)


@given(FIELDS)
def test_exactly_the_numbers_out_of_range_are_named(fields: dict[str, Any]) -> None:
    found = {violation.field for violation in violations(pb.GenerationSpec(prompt="a", **fields))}
    wrong = {
        f"spec.{name}"
        for name, value in fields.items()
        if not NUMBERS[name][1] <= value <= NUMBERS[name][2]
    }
    seed, count = fields.get("seed", 0), fields.get("image_count", 1)
    if seed + max(count, 1) - 1 > 2**63 - 1:
        wrong.add("spec.seed")
    assert found == wrong


@given(st.dictionaries(WORDS, IDS, max_size=4), st.sets(WORDS, max_size=4))
def test_exactly_the_words_without_their_other_half_are_named(
    bound: dict[str, str], used: set[str]
) -> None:
    prompt = "a photo " + " ".join(f"<{word}>" for word in sorted(used))
    names = {word: f"identities/{name}" for word, name in bound.items()}
    found = violations(pb.GenerationSpec(prompt=prompt, identities=names))
    unused = {f"spec.identities[{word}]" for word in bound.keys() - used}
    unbound = {
        f"placeholder <{word}> is not bound in spec.identities" for word in used - bound.keys()
    }
    assert {each.field for each in found} - {"spec.prompt"} == unused
    assert {each.description for each in found if each.field == "spec.prompt"} == unbound


@given(IDS)
def test_a_name_leads_to_its_id(identity_id: str) -> None:
    assert parse_identity_name(f"identities/{identity_id}") == identity_id


@given(st.text())
def test_any_text_is_a_name_or_refused_in_printable_ascii(text: str) -> None:
    try:
        parsed = parse_identity_name(text)
    except InvalidRequestError as error:
        answer = error.message
    else:
        answer = quoted(text)
        assert f"identities/{parsed}" == text
    assert answer.isascii()
    assert answer.isprintable()
    assert len(answer) <= 450


@given(st.uuids(version=4))
def test_a_uuid4_is_known(value: Any) -> None:
    assert not _request_id_violations(str(value))
    assert not _request_id_violations(str(value).upper())
    assert _request_id_violations(value.hex)


@given(st.uuids(version=1) | st.text(min_size=1, max_size=36))
def test_anything_else_is_no_uuid4(value: Any) -> None:
    assert _request_id_violations(str(value))


def _request_id_violations(request_id: str) -> list[Violation]:
    return rule_violations(identity_pb.TrainIdentityRequest(request_id=request_id))
