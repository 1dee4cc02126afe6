"""Scripts, styles and libraries of the pages, compressed and with cache headers."""

import gzip
import hashlib
from functools import cache
from pathlib import Path

from starlette.datastructures import Headers
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

IMMUTABLE = "public, max-age=31536000, immutable"
MIN_GZIP_BYTES = 1_000


class CompressedStaticFiles(StaticFiles):
    """Static files. A URL with a query contains the hash of the file, so browsers cache it forever.
    Other files, such as modules that a script imports, are revalidated with every request.
    """

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        if isinstance(response, FileResponse) and _accepts_gzip(Headers(scope=scope)):
            compressed = _compress(Path(response.path))
            if len(compressed) > MIN_GZIP_BYTES:
                headers = {name: response.headers[name] for name in ("etag", "last-modified")}
                response = Response(compressed, media_type=response.media_type, headers=headers)
                response.headers["Content-Encoding"] = "gzip"
        response.headers["Vary"] = "Accept-Encoding"
        response.headers["Cache-Control"] = IMMUTABLE if scope["query_string"] else "no-cache"
        return response


def _accepts_gzip(headers: Headers) -> bool:
    """Requests for a byte range are served uncompressed."""
    return "gzip" in headers.get("accept-encoding", "") and "range" not in headers


@cache
def _compress(path: Path) -> bytes:
    """Compressed once per process, because files change only with a release."""
    return gzip.compress(path.read_bytes(), mtime=0)


@cache
def versioned_url(folder: Path, mounted: str, name: str) -> str:
    """The URL of a file in a folder that is mounted at a path, with a hash of the file, so that
    browsers can cache it forever.
    """
    digest = hashlib.sha256((folder / name).read_bytes()).hexdigest()[:12]
    return f"{mounted}/{name}?v={digest}"
