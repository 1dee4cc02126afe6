"""Which system a command speaks to: the one in the environment, else the stack that `minuano up`
runs in this folder or one above.
"""

import os
from pathlib import Path
from typing import TypeVar

from pydantic import SecretStr

from cli.embedded import stack_state
from shared import setting_types, settings
from shared.errors import ConfigurationError

FOLDER = Path(".minuano")

S = TypeVar("S", bound=settings.Settings)


def running_stack() -> stack_state.StackState | None:
    """The embedded stack that runs here, if one does."""
    here = Path.cwd()
    for folder in (here, *here.parents):
        if found := stack_state.find(folder / FOLDER):
            return found
    return None


def load(settings_class: type[S]) -> S:
    """The settings from the environment; what it leaves open comes from the running stack."""
    found = running_stack()
    lent = {
        name: value
        for name, value in (found.environment() if found else {}).items()
        if not _is_set(name)
    }
    os.environ.update(lent)
    try:
        return settings.load(settings_class)
    except ConfigurationError as error:
        hint = "" if found else "; no stack runs here either (`minuano up` starts one)"
        raise ConfigurationError(f"{error}{hint}") from None
    finally:
        for name in lent:
            del os.environ[name]


def _is_set(name: str) -> bool:
    return bool(os.environ.get(name) or os.environ.get(f"{name}_FILE"))


def is_embedded(url: str) -> bool:
    """Whether this is a database of the running stack."""
    found = running_stack()
    return found is not None and url in (found.owner_source_url, found.owner_target_url)


def owner_url(field: str) -> str:
    """The URL of the source or target database for a command that changes tables: from
    `MINUANO_SOURCE_URL` or `MINUANO_TARGET_URL`, else the owner's of the running stack.
    """
    found = running_stack()
    if found and not _is_set(f"MINUANO_{field.upper()}"):
        return str(getattr(found, f"owner_{field}"))

    class Database(settings.Settings):
        source_url: setting_types.PostgresUrl | None = None
        target_url: setting_types.PostgresUrl | None = None

    url: SecretStr | None = getattr(load(Database), field)
    if url is None:
        raise ConfigurationError(
            f"MINUANO_{field.upper()}: is not set, and no stack runs here (`minuano up` starts one)"
        )
    return url.get_secret_value()
