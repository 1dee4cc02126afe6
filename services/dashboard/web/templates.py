"""Pages from templates, in the reader's language and clock."""

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.templating import Jinja2Templates
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import Response

from services.dashboard.web import display_timezone, i18n
from services.dashboard.web.display_timezone import DisplayTimezone
from services.dashboard.web.i18n import Translator
from services.dashboard.web.sessions import COOKIE, Sessions

FOLDER = Path(__file__).parents[1]
PAGES = (
    ("/", "Overview"),
    ("/pipeline", "Pipeline"),
    ("/jobs", "Jobs"),
    ("/dead", "Dead letters"),
    ("/data", "Data"),
)


class Templates:
    """Knows the templates and what every one of them needs."""

    def __init__(self, sessions: Sessions, site_zone: str) -> None:
        environment = Environment(
            loader=FileSystemLoader(FOLDER / "templates"), autoescape=True, trim_blocks=True,
            lstrip_blocks=True, undefined=StrictUndefined,
        )  # fmt: skip
        environment.globals["static"] = static
        self._templates = Jinja2Templates(env=environment)
        self._sessions, self._site_zone = sessions, site_zone

    def translator(self, request: Request) -> Translator:
        """The reader's language."""
        cookie = request.cookies.get(i18n.COOKIE)
        return Translator(i18n.choose_language(request.headers.get("accept-language", ""), cookie))

    def clock(self, request: Request) -> DisplayTimezone:
        """The reader's clock."""
        return display_timezone.choose_timezone(
            request.cookies.get(display_timezone.COOKIE), self._site_zone
        )

    def _signed_in(self, request: Request) -> bool:
        return self._sessions.needed and self._sessions.holds(request.cookies.get(COOKIE))

    def page(
        self, request: Request, template: str, *, status: int = 200, **context: Any
    ) -> Response:
        """A page, or a part of one, as it is sent."""
        answer = self._templates.TemplateResponse(
            request, template, {**self._common(request), **context}, status_code=status
        )
        answer.headers["Cache-Control"] = "no-store"
        answer.headers["Vary"] = "Accept-Language, Cookie"
        return answer

    def fragment(self, request: Request, template: str, **context: Any) -> str:
        """A part of a page as text, for an event."""
        return self._templates.get_template(template).render(
            {"request": request, **self._common(request), **context}
        )

    def _common(self, request: Request) -> dict[str, Any]:
        words = self.translator(request)
        return {
            "t": words, "n": words.number, "clock": self.clock(request), "pages": PAGES,
            "here": request.url.path, "can_sign_out": self._signed_in(request),
        }  # fmt: skip


@cache
def static(path: str) -> str:
    """The address of a file of ours; it changes with the file, which may so be kept for ever."""
    digest = hashlib.sha256((FOLDER / "static" / path).read_bytes()).hexdigest()[:12]
    return f"/static/{path}?v={digest}"
