"""The files of the pages: scripts, styles, the libraries."""

import gzip
from functools import cache
from pathlib import Path

from starlette.datastructures import Headers
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

FOR_EVER = "public, max-age=31536000, immutable"
MIN_GZIP_BYTES = 1_000


class CompressedStaticFiles(StaticFiles):
    """Where the address changes with the file it is kept for ever; else, as for what one script
    imports of another, the browser asks whether it has changed. Each is compressed once.
    """

    async def get_response(self, path: str, scope: Scope) -> Response:
        answer = await super().get_response(path, scope)
        if isinstance(answer, FileResponse) and _takes_gzip(scope):
            small = _compressed(Path(answer.path))
            if len(small) > MIN_GZIP_BYTES:
                answer = Response(small, media_type=answer.media_type, headers=_kept(answer))
                answer.headers["Content-Encoding"] = "gzip"
        answer.headers["Vary"] = "Accept-Encoding"
        answer.headers["Cache-Control"] = FOR_EVER if scope["query_string"] else "no-cache"
        return answer


def _takes_gzip(scope: Scope) -> bool:
    """A part of a file is not compressed."""
    headers = Headers(scope=scope)
    return "gzip" in headers.get("accept-encoding", "") and "range" not in headers


def _kept(answer: Response) -> dict[str, str]:
    return {name: answer.headers[name] for name in ("etag", "last-modified")}


@cache
def _compressed(path: Path) -> bytes:
    """As they are when first asked for: they change with a release."""
    return gzip.compress(path.read_bytes(), mtime=0)
