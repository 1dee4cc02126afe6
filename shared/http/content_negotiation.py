"""Which of the media types that there are a client wants most."""

from collections.abc import Sequence

from fastapi import HTTPException

JSON, CSV = "application/json", "text/csv"
ARROW = "application/vnd.apache.arrow.stream"
PARQUET = "application/vnd.apache.parquet"


def negotiate(accept: str | None, offered: Sequence[str]) -> str:
    """The media type with the highest q, the first offered among equals; 406 if none is wanted."""
    wanted = _wanted(accept or "*/*")
    best = max(offered, key=lambda media_type: _quality(media_type, wanted))
    if _quality(best, wanted) <= 0:
        raise HTTPException(406, f"Accept one of {', '.join(offered)}", headers={"Vary": "Accept"})
    return best


def _wanted(accept: str) -> dict[str, float]:
    """Media ranges and their q (RFC 9110, 12.5.1); other parameters do not count."""
    found: dict[str, float] = {}
    for part in accept.lower().split(","):
        media_range, *parameters = (piece.strip() for piece in part.split(";"))
        given = [p.removeprefix("q=") for p in parameters if p.startswith("q=")]
        found[media_range] = _number(given[0]) if given else 1.0
    return found


def _number(text: str) -> float:
    try:
        return min(max(float(text), 0.0), 1.0)
    except ValueError:
        return 0.0


def _quality(media_type: str, wanted: dict[str, float]) -> float:
    """The q of the most specific range that covers the type."""
    whole = f"{media_type.split('/')[0]}/*"
    return next((wanted[r] for r in (media_type, whole, "*/*") if r in wanted), 0.0)
