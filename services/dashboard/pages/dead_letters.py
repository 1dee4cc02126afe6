"""Dead letters: list, inspect, replay and drop them, and the audit log of these actions."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated, TypeVar

from fastapi import APIRouter, Form, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from services.dashboard.dependencies import Deps
from services.dashboard.monitoring import bulk_actions
from services.dashboard.monitoring.bulk_actions import ActionName
from services.dashboard.monitoring.dead_letter_summary import (
    MAX_LISTED,
    FailureGroup,
    LetterList,
    LetterSummary,
    list_letters,
    summarize,
)
from services.dashboard.web import flash
from services.dashboard.web.flash import Flash
from shared.errors import NotFound, Unavailable
from shared.ledger.audit_log import AuditEntry
from shared.streams.dead_letter_preview import MAX_FIELDS, preview_fields, preview_rows

router = APIRouter(include_in_schema=False)

PAGE = 20
AUDIT_ENTRIES = 20
MAX_CHARS = 200

LetterId = Annotated[str, Path(pattern=r"^\d{1,20}-\d{1,20}$")]
Text = Annotated[str, Field(max_length=MAX_CHARS)]
T = TypeVar("T")


class Selection(BaseModel):
    """The filter and the page of the list. An empty field matches all dead letters."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    stage: Text = ""
    reason: Text = ""
    job: Annotated[int | None, Field(ge=1, le=2**63 - 1)] = None
    page: Annotated[int, Field(ge=1, le=MAX_LISTED)] = 1

    def matches(self, summary: LetterSummary) -> bool:
        """Whether the filter selects this dead letter."""
        letter = summary.letter
        return (
            self.stage in ("", letter.stage)
            and self.reason in ("", letter.reason)
            and self.job in (None, letter.job)
        )


@router.get("/dead")
def dead_letters(
    request: Request, deps: Deps, selection: Annotated[Selection, Query()]
) -> Response:
    """The list and the audit log."""
    actions = deps.dead_letter_actions
    letters, redis_error = _or_error(lambda: list_letters(actions.letters), LetterList((), 0))
    audit, target_error = _or_error(
        lambda: actions.audit.newest(AUDIT_ENTRIES, job=selection.job), list[AuditEntry]()
    )
    matching = list(filter(selection.matches, letters.letters))
    begin = (selection.page - 1) * PAGE
    return flash.render(
        deps.templates, request, "dead_letters.html", selection=selection, letters=letters,
        summaries=matching[begin : begin + PAGE], matching=len(matching),
        more=len(matching) > begin + PAGE, max_listed=MAX_LISTED, audit=audit,
        redis_error=redis_error, target_error=target_error,
    )  # fmt: skip


@router.post("/dead")
def act(
    request: Request,
    deps: Deps,
    verb: Annotated[ActionName, Form()],
    letter: Annotated[list[str], Form(max_length=MAX_LISTED)] = [],  # noqa: B006
    whole_group: Annotated[bool, Form()] = False,
    stage: Annotated[str, Form()] = "",
    reason: Annotated[str, Form()] = "",
) -> Response:
    """Replay or drop the selected dead letters, or all of a failure group."""
    letters = deps.dead_letter_actions.letters
    try:
        ids = list_letters(letters).ids(FailureGroup(stage, reason)) if whole_group else letter
    except Unavailable as error:
        return flash.redirect_with(request, "/dead", Flash(action=verb, detail=str(error)))
    if not ids:
        return flash.redirect_with(request, "/dead", Flash())
    user = f"dashboard@{request.client.host if request.client else 'unknown'}"
    result = bulk_actions.apply(deps.dead_letter_actions, verb, ids, actor=user)
    return flash.redirect_with(request, "/dead", Flash(action=verb, **asdict(result)))


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
        request, "dead_letter.html", summary=summarize(letter), letter=letter,
        fields=preview_fields(letter), rows=preview_rows(letter),
        more_fields=max(0, len(letter.fields) - MAX_FIELDS),
    )  # fmt: skip


def _or_error(query: Callable[[], T], default: T) -> tuple[T, str | None]:
    """The result, or the default and the error of an outage."""
    try:
        return query(), None
    except Unavailable as error:
        return default, str(error)
