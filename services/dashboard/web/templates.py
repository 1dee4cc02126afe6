"""Renders pages in the language and the time zone of the reader."""

from functools import partial
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.templating import Jinja2Templates
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import Response

from services.dashboard.web import display_timezone, i18n
from services.dashboard.web.i18n import Translator
from services.dashboard.web.sessions import COOKIE, Sessions
from shared.domain.waiting import Waiting
from shared.http import docs_page
from shared.http.static_files import versioned_url

FOLDER = Path(__file__).parents[1]
PAGES = (
    ("/", "Overview"),
    ("/pipeline", "Pipeline"),
    ("/jobs", "Jobs"),
    ("/dead", "Dead letters"),
    ("/data", "Data"),
)


class Templates:
    """The Jinja environment and the variables that all templates share."""

    def __init__(self, sessions: Sessions, site_timezone: str) -> None:
        environment = Environment(
            loader=FileSystemLoader(FOLDER / "templates"), autoescape=True, trim_blocks=True,
            lstrip_blocks=True, undefined=StrictUndefined,
        )  # fmt: skip
        environment.globals["waiting_text"] = waiting_text
        environment.globals["static"] = partial(versioned_url, FOLDER / "static", "/static")
        environment.globals["docs_file"] = docs_page.file_url
        self._templates = Jinja2Templates(env=environment)
        self._sessions, self._site_timezone = sessions, site_timezone

    def page(
        self, request: Request, template: str, *, status: int = 200, **context: Any
    ) -> Response:
        """A page, or a fragment that htmx requests, as a response."""
        response = self._templates.TemplateResponse(
            request, template, {**self._common(request), **context}, status_code=status
        )
        response.headers["Cache-Control"] = "no-store"
        response.headers["Vary"] = "Accept-Language, Cookie"
        return response

    def fragment(self, request: Request, template: str, **context: Any) -> str:
        """A part of a page as HTML, for a server-sent event."""
        return self._templates.get_template(template).render(
            {"request": request, **self._common(request), **context}
        )

    def _common(self, request: Request) -> dict[str, Any]:
        language = i18n.choose_language(
            request.headers.get("accept-language", ""), request.cookies.get(i18n.COOKIE)
        )
        translator = Translator(language)
        timezone = display_timezone.choose_timezone(
            request.cookies.get(display_timezone.COOKIE), self._site_timezone
        )
        is_signed_in = self._sessions.is_valid(request.cookies.get(COOKIE))
        return {
            "t": translator, "n": translator.number, "tz": timezone, "pages": PAGES,
            "current_path": request.url.path,
            "can_sign_out": self._sessions.needed and is_signed_in,
        }  # fmt: skip


def waiting_text(t: Translator, waiting: Waiting) -> str:
    """Why a job makes no progress, in the language of the reader."""
    return t(waiting.text, **{key: t(name) for key, name in waiting.names.items()})
