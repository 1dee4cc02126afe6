"""Dead letters: what could not be handled, and what to do with one, some, or all of a kind."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Form, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from services.dashboard.dependencies import Dependencies, Deps
from services.dashboard.monitoring import bulk_actions, payload_preview
from services.dashboard.monitoring.dead_letter_summary import (
    MAX_LISTED,
    FailureGroup,
    LetterList,
    list_letters,
    summarize,
)
from services.dashboard.web import flash
from services.dashboard.web.flash import Flash
from shared.errors import NotFound, Unavailable
from shared.ledger.audit_log import AuditEntry

router = APIRouter(include_in_schema=False)

PAGE = 20
DEEDS = 20
MAX_CHARS = 200

LetterId = Annotated[str, Path(pattern=r"^\d{1,20}-\d{1,20}$")]
Verb = Annotated[Literal["replay", "drop"], Form()]
Text = Annotated[str, Field(max_length=MAX_CHARS)]


class Chosen(BaseModel):
    """Which letters are listed: of a stage, of a reason, of a job; empty means all."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    stage: Text = ""
    reason: Text = ""
    job: Annotated[int | None, Field(ge=1, le=2**63 - 1)] = None
    page: Annotated[int, Field(ge=1, le=MAX_LISTED)] = 1


@router.get("/dead")
def dead(request: Request, deps: Deps, chosen: Annotated[Chosen, Query()]) -> Response:
    """The page."""
    found, redis_away = _survey(deps)
    audit, target_away = _audit(deps, chosen.job)
    return flash.render(
        deps.templates, request, "dead.html", chosen=chosen, survey=found, audit=audit,
        redis_away=redis_away, target_away=target_away, most=MAX_LISTED,
        **_listed(found, chosen),
    )  # fmt: skip


@router.post("/dead")
def act(
    request: Request,
    deps: Deps,
    verb: Verb,
    letter: Annotated[list[str], Form(max_length=MAX_LISTED)] = [],  # noqa: B006
    of_a_kind: Annotated[bool, Form()] = False,
    stage: Annotated[str, Form()] = "",
    reason: Annotated[str, Form()] = "",
) -> Response:
    """Replay or drop the letters that are named, or all of a kind, then tell what came of it."""
    try:
        ids = letter
        if of_a_kind:
            ids = list_letters(deps.dead_letter_actions.letters).ids(FailureGroup(stage, reason))
        answer = (
            bulk_actions.apply(deps.dead_letter_actions, verb, ids, who=_who(request))
            if ids
            else _nothing()
        )
    except Unavailable as outage:
        answer = Flash(what="none", why=str(outage)[: flash.MAX_CHARS])
    return flash.redirect_with(request, "/dead", answer)


@router.get("/dead/{id}")
def one(request: Request, deps: Deps, id: LetterId) -> Response:
    """One letter: why it died, its fields, the first rows of its payload."""
    try:
        letter = deps.dead_letter_actions.letters.letter(id)
    except NotFound:
        return deps.templates.page(request, "letter_missing.html", status=404, id=id)
    except Unavailable as outage:
        return deps.templates.page(request, "letter_away.html", status=503, error=str(outage))
    return flash.render(
        deps.templates, request, "letter.html", glance=summarize(letter), letter=letter,
        fields=payload_preview.fields(letter), rows=payload_preview.first_rows(letter),
        more_fields=max(0, len(letter.fields) - payload_preview.MAX_FIELDS),
    )  # fmt: skip


def _survey(deps: Dependencies) -> tuple[LetterList, str | None]:
    try:
        return list_letters(deps.dead_letter_actions.letters), None
    except Unavailable as outage:
        return LetterList((), 0), str(outage)


def _audit(deps: Dependencies, job: int | None) -> tuple[list[AuditEntry], str | None]:
    try:
        return deps.dead_letter_actions.audit.newest(DEEDS, job=job), None
    except Unavailable as outage:
        return [], str(outage)


def _listed(found: LetterList, chosen: Chosen) -> dict[str, Any]:
    """The page of those that were chosen."""
    matching = [
        each for each in found.letters
        if chosen.stage in ("", each.letter.stage)
        and chosen.reason in ("", each.letter.reason)
        and chosen.job in (None, each.letter.job)
    ]  # fmt: skip
    begin = (chosen.page - 1) * PAGE
    return {
        "glances": matching[begin : begin + PAGE], "matching": len(matching),
        "more": len(matching) > begin + PAGE,
    }  # fmt: skip


def _who(request: Request) -> str:
    host = request.client.host if request.client else "unknown"
    return f"dashboard@{host}"


def _nothing() -> Flash:
    return Flash(what="none")
