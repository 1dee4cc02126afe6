"""URLs with any password: the driver gets the exact password, and no error shows it."""

import pytest
from psycopg2.extensions import parse_dsn
from sqlalchemy.engine import make_url

from shared.environment import load
from shared.errors import ConfigurationError
from shared.postgres.urls import libpq_url, postgres_url, sqlalchemy_url
from shared.settings import RedisSettings, TargetSettings
from tests.canary import SPECIAL_CHARACTERS, Canary

BLANK = "-c timezone=UTC -c work_mem=5MB"


@pytest.mark.parametrize("between", [*SPECIAL_CHARACTERS, SPECIAL_CHARACTERS, "%41", "ü", ""])
def test_the_driver_gets_the_exact_password(between: str) -> None:
    canary = Canary(between)
    url = postgres_url(f"postgres://me:{canary.url_encoded}@host:5433/target")
    assert sqlalchemy_url(url).password == canary.text
    query = {"options": BLANK}
    libpq = parse_dsn(libpq_url(make_url(url).set(query=query)))
    assert (libpq["user"], libpq["password"], libpq["host"]) == ("me", canary.text, "host")
    assert (libpq["port"], libpq["dbname"], libpq["options"]) == ("5433", "target", BLANK)


@pytest.mark.parametrize("url", ["postgresql:///target", "postgresql://me@host/my db+1"])
def test_a_url_without_a_password_has_none(url: str) -> None:
    parsed = parse_dsn(libpq_url(make_url(url)))
    assert "password" not in parsed
    assert parsed["dbname"] == make_url(url).database


# URLs with a password that is not percent-encoded, and other mistakes.
MALFORMED = {
    "MINUANO_TARGET_URL": (
        "postgresql://me:{0}@{1}@host/db", "postgresql://me:{0}@host:{1}/db", "{0}", "mysql://me:{0}@h",
        "postgresql://me:{0}%00{1}@host/db", "postgresql://me:{0}@host/db%00{1}",
        "postgresql://me:{0}@host/db?options=%00{1}", "postgresql//me:{0}@host/db",
        "postgresql:me:{0}@host/db", "//me:{0}@{1}", "postgresql://me:{0}@a:1,b:2/db",
        "postgresql://me:{0}@/db?host=a:1&host=b:2",
    ),
    "MINUANO_REDIS_URL": (
        "redis://me:{0}/{1}@host/0", "redis://me:{0}#{1}@host/0", "redis://me:{0}?{1}@host/0",
        "redis://me:12/{0}@host", "redis://:12#{0}@host", "redis://:12?{0}@host",
        "redis://:12?db={0}@host", "{0}", "http://me:{0}@host", "redis:me:{0}@host",
    ),
}  # fmt: skip
CASES = [(name, url) for name, urls in MALFORMED.items() for url in urls]


@pytest.mark.parametrize(("name", "template"), CASES)
def test_a_malformed_url_is_rejected_without_showing_it(
    monkeypatch: pytest.MonkeyPatch, name: str, template: str
) -> None:
    canary = Canary()
    monkeypatch.setenv(name, template.format(*canary.marks))
    with pytest.raises(ConfigurationError, match=f"^{name}: ") as caught:
        load(TargetSettings if "TARGET" in name else RedisSettings)
    assert not canary.appears_in(str(caught.value))
