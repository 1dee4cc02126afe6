"""Types of settings: URLs, API keys, time zones. No error message shows a secret."""

import json
import re
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar
from urllib.parse import SplitResult, parse_qsl, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, AnyHttpUrl, BeforeValidator, SecretStr
from redis.connection import parse_url

T = TypeVar("T")
_DATABASE = re.compile(r"/?[0-9]*/?")
REDIS_OPTIONS = {"client_name", "db", "password", "username"}
TLS_OPTIONS = {
    "ssl_ca_certs", "ssl_ca_path", "ssl_cert_reqs", "ssl_certfile", "ssl_check_hostname",
    "ssl_keyfile", "ssl_password",
}  # fmt: skip
NOT_IANA = {"localtime", "posix", "posixrules", "right", "Factory"}
"""Files beside the zones: another zone on each machine, or with leap seconds."""
CERT_REQS = ("none", "optional", "required")
_KEY = re.compile(r"[\x21-\x7e]+")


def split_names(text: str) -> tuple[str, ...]:
    """Split a comma-separated list; spaces around names are ignored."""
    return tuple(name for item in text.split(",") if (name := item.strip()))


def _check_time_zone(name: str) -> str:
    try:
        ZoneInfo(name)
        is_zone = name.split("/")[0] not in NOT_IANA
    except (ZoneInfoNotFoundError, ValueError, OSError):
        is_zone = False
    if not is_zone:
        raise ValueError(f"{name[:60]!r} is not an IANA time zone such as UTC or America/Sao_Paulo")
    return name


def _check_postgres_url(url: SecretStr) -> SecretStr:
    # The import of SQLAlchemy takes a quarter of the start of an aggregator, which needs none.
    from shared.postgres.urls import postgres_url

    return SecretStr(postgres_url(url.get_secret_value()))


def _check_redis_url(url: SecretStr) -> SecretStr:
    text = url.get_secret_value()
    if not text.startswith(("redis://", "rediss://", "unix://")):
        raise ValueError("a Redis URL must start with redis://, rediss:// or unix://")
    try:
        parse_url(text)  # type: ignore[no-untyped-call]
        after_host = "".join(urlsplit(text)[2:])
    except ValueError:  # its message may show the password
        raise ValueError("not a URL: write redis://user:password@host:6379/0") from None
    # A / in the password ends the host early: the first half of the password is read as a host.
    if "@" in after_host:
        raise ValueError("contains @ after the host: percent-encode / ? and # of the password")
    _check_redis_options(text)
    _check_host(urlsplit(text).hostname)
    return url


def _check_host(name: str | None) -> None:
    """Refuse a name that no resolver takes: Python raises `UnicodeError` each time it is used."""
    try:
        (name or "").encode("idna")
    except UnicodeError:
        raise ValueError("the host name has an empty part, or one that is too long") from None


def _check_redis_options(url: str) -> None:
    """Refuse what redis-py would ignore, or what would take precedence over our own options."""
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    allowed = REDIS_OPTIONS | (TLS_OPTIONS if parts.scheme == "rediss" else set())
    if unknown := sorted(options.keys() - allowed):
        raise ValueError(f"has the option {unknown[0]}; allowed: {', '.join(sorted(allowed))}")
    if twice := _given_twice(parts, options):
        raise ValueError(f"has the option {twice} and another {twice} before it")
    if options.get("ssl_cert_reqs", "required") not in CERT_REQS:
        raise ValueError(f"has a wrong ssl_cert_reqs; allowed: {', '.join(CERT_REQS)}")
    if parts.scheme != "unix" and not _DATABASE.fullmatch(parts.path):
        raise ValueError("the database after the host must be a number, such as 0")


def _given_twice(parts: SplitResult, options: Mapping[str, str]) -> str | None:
    """What the URL has in its address and, maybe with another value, as an option."""
    database = None if parts.scheme == "unix" else parts.path.strip("/")
    address = {"username": parts.username, "password": parts.password, "db": database}
    return next((name for name, value in address.items() if value and name in options), None)


def _decode_json(value: Any) -> Any:
    try:
        return json.loads(value, object_pairs_hook=_unique) if isinstance(value, str) else value
    except (json.JSONDecodeError, RecursionError):
        raise ValueError("is not valid JSON") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object of JSON; without this check the last of two equal names would win."""
    names = [name for name, _ in pairs]
    if twice := [name for name in names if names.count(name) > 1]:
        raise ValueError(f"has the name {twice[0][:60]} twice")
    return dict(pairs)


def _check_api_keys(keys: SecretStr) -> SecretStr:
    if not split_names(keys.get_secret_value()):
        raise ValueError("contains no key: write one key, or several separated by commas")
    # A client that sends a key which no header can hold shows the key in its error.
    if not all(_KEY.fullmatch(key) for key in split_names(keys.get_secret_value())):
        raise ValueError("a key must be printable ASCII without spaces, on one line")
    return keys


def _check_http_url(url: AnyHttpUrl) -> AnyHttpUrl:
    if url.username or url.password:
        raise ValueError(
            "contains a user or password, which error messages would show: set MINUANO_API_KEY"
        )
    _check_host(url.host)
    return url


HttpUrl = Annotated[AnyHttpUrl, AfterValidator(_check_http_url)]
ApiKeys = Annotated[SecretStr, AfterValidator(_check_api_keys)]
PostgresUrl = Annotated[SecretStr, AfterValidator(_check_postgres_url)]
RedisUrl = Annotated[SecretStr, AfterValidator(_check_redis_url)]
Zone = Annotated[str, AfterValidator(_check_time_zone)]
FromJson = Annotated[T, BeforeValidator(_decode_json)]

TUNING = "tuning"
Tuning = Annotated[T, TUNING]
"""A setting whose default suits most installations: documents list it apart from the others."""
