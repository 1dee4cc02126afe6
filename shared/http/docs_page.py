"""The documentation of an API at `/docs`: Swagger UI, without anything from another host."""

from functools import partial
from html import escape
from pathlib import Path

from fastapi import FastAPI
from starlette.responses import HTMLResponse

from shared.http.static_files import CompressedStaticFiles, versioned_url

FOLDER, MOUNTED = Path(__file__).parent / "static", "/docs/static"
file_url = partial(versioned_url, FOLDER, MOUNTED)
_PAGE = """<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>{title}</title>
  <link rel="icon" href="data:,">
  <link rel="stylesheet" href="{swagger_css}">
  <link rel="stylesheet" href="{css}">
  <script src="{swagger_js}" defer></script>
  <script type="module" src="{js}"></script>
</head>
<body><main id="swagger"></main></body>
</html>
"""


def install(app: FastAPI, *, page: bool) -> None:
    """Serve the files of the documentation and, if asked for, a page of their own."""
    if page:
        app.add_api_route("/docs", partial(_page, app.title), include_in_schema=False)
    app.mount(MOUNTED, CompressedStaticFiles(directory=FOLDER))


async def _page(title: str) -> HTMLResponse:
    return HTMLResponse(
        _PAGE.format(
            title=escape(title),
            swagger_css=file_url("vendor/swagger-ui-5.35.0.css"),
            css=file_url("docs.css"),
            swagger_js=file_url("vendor/swagger-ui-5.35.0.js"),
            js=file_url("docs.js"),
        )
    )
