"""Who asks, as the header `Minuano-Actor` and the audit log have it."""

import pytest

from shared.domain.actor import MAX_CHARS, Actor, printable_name


@pytest.mark.parametrize("channel", ["http", "page", "cli", "dagster"])
def test_an_actor_survives_the_header(channel: str) -> None:
    actor = Actor(channel, "alice@pc")  # type: ignore[arg-type]
    [said] = actor.headers.values()
    assert Actor.from_header(said) == actor


@pytest.mark.parametrize(
    "said", ["", " ", "cli ", "stream 1-0", "prune x", "a b", "cli a b", "a\tb", "Jörg",
             "x" * (MAX_CHARS + 1)],
)  # fmt: skip
def test_other_texts_are_refused(said: str) -> None:
    with pytest.raises(ValueError, match="1 to 200 printable ASCII characters without spaces"):
        Actor.from_header(said)


@pytest.mark.parametrize(
    ("name", "printable"),
    [("Jörg Q@pc", r"J\xf6rg\x20Q@pc"), ("a\0\x1b", r"a\x00\x1b"), ("", "unknown"),
     ("x" * 300, "x" * MAX_CHARS)],
)  # fmt: skip
def test_a_name_of_any_characters_is_made_printable(name: str, printable: str) -> None:
    assert printable_name(name) == printable
    assert Actor.from_header(printable) == Actor("http", printable)
