"""What settings may hold: URLs, keys, zones, and why something is none. No error shows a secret."""

import json
import re
from typing import Annotated, Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, AnyHttpUrl, BeforeValidator, SecretStr
from pydantic_settings import NoDecode
from redis.connection import parse_url

_KEY = re.compile(r"[\x21-\x7e]+")


def split_names(text: str) -> tuple[str, ...]:
    """Split a comma-separated list; blanks around names do not count."""
    return tuple(name for part in text.split(",") if (name := part.strip()))


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(
            f"{name!r} is no IANA time zone such as UTC or America/Sao_Paulo"
        ) from None
    return name


def _secret_postgres_url(url: SecretStr) -> SecretStr:
    # SQLAlchemy is a quarter of an aggregator's start, which has no database.
    from shared.postgres.urls import postgres_url

    return SecretStr(postgres_url(url.get_secret_value()))


def _secret_redis_url(url: SecretStr) -> SecretStr:
    if not url.get_secret_value().startswith(("redis://", "rediss://", "unix://")):
        raise ValueError("a Redis URL starts with redis://, rediss:// or unix://")
    try:
        parse_url(url.get_secret_value())  # type: ignore[no-untyped-call]
        behind = "".join(urlsplit(url.get_secret_value())[2:])
    except ValueError:  # its text may show the password
        raise ValueError("not a URL: write redis://user:password@host:6379/0") from None
    if "@" in behind:  # the password is cut in two, and its first half taken for a host
        raise ValueError("has an @ behind its host: write /, ? and # of the password encoded")
    return url


def _decoded(value: Any) -> Any:
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError:
        raise ValueError("no JSON") from None


def _holds_a_key(keys: SecretStr) -> SecretStr:
    if not split_names(keys.get_secret_value()):
        raise ValueError("holds no key: write one, or several separated by commas")
    # What a header can't hold is quoted by the error of whoever tries to send it.
    if not all(_KEY.fullmatch(key) for key in split_names(keys.get_secret_value())):
        raise ValueError("a key is printable ASCII without blanks, on one line")
    return keys


def _without_a_password(url: AnyHttpUrl) -> AnyHttpUrl:
    if url.username or url.password:
        raise ValueError("holds a user or password, which errors would show: set MINUANO_API_KEY")
    return url


HttpUrl = Annotated[AnyHttpUrl, AfterValidator(_without_a_password)]
ApiKeys = Annotated[SecretStr, AfterValidator(_holds_a_key)]
PostgresUrl = Annotated[SecretStr, AfterValidator(_secret_postgres_url)]
RedisUrl = Annotated[SecretStr, AfterValidator(_secret_redis_url)]
Zone = Annotated[str, AfterValidator(_known_zone)]
# pydantic-settings would decode it too, but its error names no variable.
JSON = (NoDecode, BeforeValidator(_decoded))
