"""Replaying and dropping many dead letters: one after the other, and what came of it."""

from collections.abc import Callable, Sequence
from typing import Literal

from services.dashboard.web.flash import MAX_CHARS, Flash
from shared.errors import Conflict, MinuanoError, NotFound
from shared.ledger.dead_letter_actions import DeadLetterActions
from shared.streams.dead_letters import DeadLetter

ActionName = Literal["replay", "drop"]
TELLS: dict[ActionName, Literal["replayed", "dropped"]] = {"replay": "replayed", "drop": "dropped"}


def apply(graveyard: DeadLetterActions, verb: ActionName, ids: Sequence[str], *, who: str) -> Flash:
    """Do it with each; an outage ends it, and the rest is left as it was."""
    done = gone = refused = 0
    odd = ""
    act = _replaying(graveyard, who) if verb == "replay" else _dropping(graveyard, who)
    for id in ids:
        try:
            odd = act(graveyard.letters.letter(id)) or odd
        except NotFound:
            gone += 1
        except Conflict:
            refused += 1
        except MinuanoError as error:
            left = len(ids) - done - gone - refused
            why = str(error)[:MAX_CHARS]
            return Flash(
                what=TELLS[verb], done=done, gone=gone, refused=refused, left=left, why=why
            )
        else:
            done += 1
    return Flash(what=TELLS[verb], done=done, gone=gone, refused=refused, why=odd[:MAX_CHARS])


Action = Callable[[DeadLetter], str | None]


def _replaying(graveyard: DeadLetterActions, who: str) -> Action:
    return lambda letter: graveyard.replay(letter, actor=who)


def _dropping(graveyard: DeadLetterActions, who: str) -> Action:
    return lambda letter: graveyard.drop([letter], actor=who)
