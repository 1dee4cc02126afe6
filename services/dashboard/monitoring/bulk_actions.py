"""Replays or drops many dead letters, one after the other, and counts the outcomes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from shared.errors import Conflict, MinuanoError, NotFound
from shared.ledger.dead_letter_actions import DeadLetterActions

ActionName = Literal["replay", "drop"]


@dataclass(slots=True)
class ActionResult:
    """How many dead letters an action changed, and why not all of them.

    `missing` no longer exist, `refused` cannot be replayed, `unchanged` were not reached because
    of an error. `detail` is that error or the last warning.
    """

    done: int = 0
    missing: int = 0
    refused: int = 0
    unchanged: int = 0
    detail: str = ""


def apply(
    actions: DeadLetterActions, action: ActionName, ids: Sequence[str], *, actor: str
) -> ActionResult:
    """Replay or drop each dead letter. The first outage stops the action."""
    result = ActionResult()
    for position, id in enumerate(ids):
        try:
            letter = actions.letters.letter(id)
            if action == "replay":
                result.detail = actions.replay(letter, actor=actor) or result.detail
            else:
                actions.drop([letter], actor=actor)
            result.done += 1
        except NotFound:
            result.missing += 1
        except Conflict:
            result.refused += 1
        except MinuanoError as error:
            result.unchanged, result.detail = len(ids) - position, str(error)
            break
    return result
