"""Content negotiation: the media type that fits a client's `Accept` header best."""

from collections.abc import Sequence

from fastapi import HTTPException

JSON, CSV = "application/json", "text/csv"
ARROW = "application/vnd.apache.arrow.stream"
PARQUET = "application/vnd.apache.parquet"


def negotiate(accept: str | None, available: Sequence[str]) -> str:
    """The media type with the highest q, the first one among equals; 406 if none is accepted."""
    ranges = parse_accept(accept or "*/*")
    best = max(available, key=lambda media_type: _quality(media_type, ranges))
    if _quality(best, ranges) <= 0:
        raise HTTPException(
            406, f"Accept one of {', '.join(available)}", headers={"Vary": "Accept"}
        )
    return best


def parse_accept(accept: str) -> dict[str, float]:
    """Media ranges and their q (RFC 9110, 12.5.1); other parameters are ignored."""
    ranges: dict[str, float] = {}
    for element in accept.lower().split(","):
        media_range, *parameters = (text.strip() for text in element.split(";"))
        qualities = [p.removeprefix("q=") for p in parameters if p.startswith("q=")]
        ranges[media_range] = _parse_quality(qualities[0]) if qualities else 1.0
    return ranges


def _parse_quality(text: str) -> float:
    try:
        return min(max(float(text), 0.0), 1.0)
    except ValueError:
        return 0.0


def _quality(media_type: str, ranges: dict[str, float]) -> float:
    """The q of the most specific range that covers the media type."""
    wildcard = f"{media_type.split('/')[0]}/*"
    return next((ranges[r] for r in (media_type, wildcard, "*/*") if r in ranges), 0.0)
