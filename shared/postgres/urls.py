"""URLs of PostgreSQL: checked, and in the forms that SQLAlchemy and libpq read."""

from urllib.parse import quote

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

HOSTS = "several hosts are written postgresql://user:password@/name?host=a,b&port=5432,5433"
DRIVERS = ("postgres", "postgresql", "postgresql+psycopg2")


def postgres_url(text: str) -> str:
    """The plain `postgresql://` form of any PostgreSQL URL; ValueError for other texts. The error
    never shows the text, which may contain a password.
    """
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise ValueError(
            f"not a URL: write postgresql://user:password@host:5432/name; {HOSTS}"
        ) from None
    if not isinstance(url.query.get("host", ""), str):  # libpq reads only the last one
        raise ValueError(f"has several hosts: {HOSTS}")  # noqa: TRY004 - its text is the message
    if url.drivername not in DRIVERS:
        raise ValueError(f"{url.drivername}:// is not a PostgreSQL URL: write postgresql://…")
    if "%00" in text or "\0" in text:  # the driver would end the text there, or fail
        raise ValueError("contains %00: PostgreSQL has no NUL in passwords or names")
    if "@" in (url.host or ""):  # half of a password, which every error would show as a host
        raise ValueError("contains more than one @: write each @ of the password as %40")
    return libpq_url(url.set(drivername="postgresql"))


def sqlalchemy_url(text: str) -> URL:
    """The URL that makes SQLAlchemy use psycopg2 (`postgresql://` means psycopg 3 since 2.1)."""
    return make_url(postgres_url(text)).set(drivername="postgresql+psycopg2")


def libpq_url(url: URL) -> str:
    """The URL as libpq reads it. SQLAlchemy does not encode blanks and pluses in a password, and
    writes blanks in the query as pluses. libpq rejects such a password and shows it in its error.
    """
    credentials = [text for text in (url.username, url.password) if text is not None]
    prefix = ":".join(quote(text, safe="") for text in credentials) + "@" * bool(credentials)
    rest = URL.create("", host=url.host, port=url.port, database=url.database, query=url.query)
    address, mark, query = rest.render_as_string().removeprefix("://").partition("?")
    address, query = address.replace(" ", "%20"), query.replace("+", "%20")
    return f"{url.drivername}://{prefix}{address}{mark}{query}"
