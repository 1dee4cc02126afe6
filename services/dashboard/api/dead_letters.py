"""`GET /api/dead`: the dead letters."""

from typing import Annotated, Self

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from services.dashboard.dependencies import Deps
from shared.http.problem_details import openapi_responses
from shared.streams.dead_letters import DeadLetter

MAX_PAGE = 20
"""A small page, because each dead letter is read whole, with its payload."""
MAX_CHARS = 1_000

router = APIRouter(prefix="/api", tags=["pipeline"])


class DeadLettersQuery(BaseModel):
    """A page of dead letters."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(MAX_PAGE, ge=1, le=MAX_PAGE)
    before: str | None = Field(
        None, pattern=r"^[0-9]{1,15}-[0-9]{1,15}$", description="`next` of the previous page"
    )


class Letter(BaseModel):
    """A dead letter without its payload."""

    id: str
    reason: str
    error: str
    stage: str
    stream: str
    job: int | None
    deliveries: int
    at: str = Field(description="When it was dead-lettered, ISO 8601")
    fields: dict[str, str] = Field(
        description=f"The fields of the entry, at most {MAX_CHARS:,} characters of each"
    )
    payload_bytes: int | None

    @classmethod
    def of(cls, letter: DeadLetter) -> Self:
        fields = {_text(n): _text(v) for n, v in letter.fields.items() if n != b"payload"}
        return cls(
            id=letter.id, reason=letter.reason, error=letter.error, stage=letter.stage,
            stream=letter.stream, job=letter.job, deliveries=letter.deliveries,
            at=letter.dead_lettered_at, fields=fields, payload_bytes=letter.payload_bytes,
        )  # fmt: skip


class Letters(BaseModel):
    """Newest first; `count` includes the letters of all pages."""

    count: int
    letters: list[Letter]
    next: str | None


@router.get("/dead", responses=openapi_responses(422, 503))
def list_dead_letters(deps: Deps, query: Annotated[DeadLettersQuery, Query()]) -> Letters:
    """The dead letters: the entry, its stream and job, and why it could not be processed."""
    dead_letters = deps.dead_letter_actions.letters
    letters = dead_letters.newest(query.limit, before=query.before)
    return Letters(
        count=dead_letters.count(),
        letters=[Letter.of(letter) for letter in letters],
        next=letters[-1].id if len(letters) == query.limit else None,
    )


def _text(value: bytes) -> str:
    return value.decode(errors="replace")[:MAX_CHARS]
