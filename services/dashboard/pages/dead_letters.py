"""Dead letters: list, inspect, replay and drop them, and the audit log of these actions."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Annotated, Literal, TypeVar

from fastapi import APIRouter, Form, Path, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from services.dashboard.dependencies import Deps
from services.dashboard.monitoring.dead_letter_summary import (
    MAX_LISTED,
    LetterList,
    failed_at,
    list_letters,
)
from services.dashboard.web import flash
from services.dashboard.web.flash import Flash
from services.dashboard.web.page_user import page_user
from shared.domain.actor import Actor
from shared.errors import Conflict, MinuanoError, NotFound, Unavailable
from shared.ledger.audit_log import AuditEntry
from shared.ledger.dead_letter_actions import DeadLetterActions
from shared.streams.dead_letter_preview import MAX_FIELDS, preview_fields, preview_rows
from shared.streams.dead_letters import DeadLetter

router = APIRouter(include_in_schema=False)

PAGE = 20
AUDIT_ENTRIES = 20
MAX_CHARS = 200

Verb = Literal["replay", "drop"]
LetterId = Annotated[str, Path(pattern=r"^\d{1,20}-\d{1,20}$")]
Text = Annotated[str, Field(max_length=MAX_CHARS)]
T = TypeVar("T")


class LetterFilter(BaseModel):
    """The filter and the page of the list. An empty field matches all dead letters."""

    stage: Text = ""
    reason: Text = ""
    job: Annotated[int | None, Field(ge=1, le=2**63 - 1)] = None
    page: Annotated[int, Field(ge=1, le=MAX_LISTED)] = 1

    def matches(self, letter: DeadLetter) -> bool:
        """Whether the filter selects this dead letter."""
        return (
            self.stage in ("", letter.stage)
            and self.reason in ("", letter.reason)
            and self.job in (None, letter.job)
        )


@router.get("/dead")
def dead_letters(
    request: Request, deps: Deps, selection: Annotated[LetterFilter, Query()]
) -> Response:
    """The list and the audit log."""
    actions = deps.dead_letter_actions
    letters, redis_error = _or_error(lambda: list_letters(actions.letters), LetterList((), 0))
    audit, target_error = _or_error(
        lambda: actions.audit.newest(AUDIT_ENTRIES, job=selection.job, only_letters=True),
        list[AuditEntry](),
    )
    matching = list(filter(selection.matches, letters.letters))
    begin = (selection.page - 1) * PAGE
    return flash.render(
        deps.templates, request, "dead_letters.html", selection=selection, letters=letters,
        shown=matching[begin : begin + PAGE], matching=len(matching),
        more=len(matching) > begin + PAGE, max_listed=MAX_LISTED, audit=audit,
        redis_error=redis_error, target_error=target_error, failed_at=failed_at,
    )  # fmt: skip


@router.post("/dead")
def act(
    request: Request,
    deps: Deps,
    verb: Annotated[Verb, Form()],
    letter: Annotated[list[str], Form(max_length=MAX_LISTED)] = [],  # noqa: B006
    whole_group: Annotated[bool, Form()] = False,
    stage: Annotated[str, Form()] = "",
    reason: Annotated[str, Form()] = "",
) -> Response:
    """Replay or drop the selected dead letters, or all of a failure group."""
    letters = deps.dead_letter_actions.letters
    try:
        ids = list_letters(letters).ids((stage, reason)) if whole_group else letter
    except Unavailable as error:
        return flash.redirect_with(request, "/dead", Flash(action=verb, detail=str(error)))
    if not ids:
        return flash.redirect_with(request, "/dead", Flash())
    outcome = _apply(deps.dead_letter_actions, verb, ids, by=page_user(request))
    return flash.redirect_with(request, "/dead", outcome)


@router.get("/dead/{id}")
def dead_letter(request: Request, deps: Deps, id: LetterId) -> Response:
    """One dead letter: its error, its fields and the first rows of its payload."""
    try:
        letter = deps.dead_letter_actions.letters.letter(id)
    except NotFound:
        return deps.templates.page(request, "dead_letter_missing.html", status=404, id=id)
    except Unavailable as error:
        return deps.templates.page(
            request, "dead_letter_unavailable.html", status=503, error=str(error)
        )
    return deps.templates.page(
        request, "dead_letter.html", letter=letter, failed_at=failed_at,
        fields=preview_fields(letter), rows=preview_rows(letter),
        more_fields=max(0, len(letter.fields) - MAX_FIELDS),
    )  # fmt: skip


def _apply(actions: DeadLetterActions, verb: Verb, ids: Sequence[str], *, by: Actor) -> Flash:
    """Replay or drop each dead letter and count the outcomes. The first outage stops this."""
    counts: Counter[str] = Counter()
    detail = ""
    for position, id in enumerate(ids):
        try:
            letter = actions.letters.letter(id)
            if verb == "replay":
                detail = actions.replay(letter, by=by) or detail
            else:
                actions.drop([letter], by=by)
            counts["done"] += 1
        except NotFound:
            counts["missing"] += 1
        except Conflict:
            counts["refused"] += 1
        except MinuanoError as error:
            counts["unchanged"], detail = len(ids) - position, str(error)
            break
    return Flash(action=verb, detail=detail, **counts)


def _or_error(query: Callable[[], T], default: T) -> tuple[T, str | None]:
    """The result, or the default and the error of an outage."""
    try:
        return query(), None
    except Unavailable as error:
        return default, str(error)
