"""Which system a command connects to: that of the environment, else the stack that `minuano up`
runs in this folder or in a folder above it.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, TypeVar

from cli.embedded import stack_state
from shared import environment
from shared.environment import Settings
from shared.errors import ConfigurationError
from shared.settings import SourceUrlSettings, TargetSettings

FOLDER = Path(".minuano")
DATABASES: Mapping[str, type[Settings]] = {
    "source_url": SourceUrlSettings,
    "target_url": TargetSettings,
}

S = TypeVar("S", bound=Settings)


def running_stack() -> stack_state.StackState | None:
    """The embedded stack of this folder, if it runs."""
    cwd = Path.cwd()
    for folder in (cwd, *cwd.parents):
        if stack := stack_state.find(folder / FOLDER):
            return stack
    return None


def load(settings_class: type[S]) -> S:
    """The settings from the environment; the running stack adds those that are not set there."""
    stack = running_stack()
    variables = stack.environment() if stack else {}
    try:
        return environment.load(
            settings_class, **environment.read_variables(settings_class, variables)
        )
    except ConfigurationError as error:
        hint = "" if stack else "; no stack runs here either (`minuano up` starts one)"
        raise ConfigurationError(f"{error}{hint}") from None


def is_embedded(url: str) -> bool:
    """Whether this is the URL of a database of the running stack."""
    stack = running_stack()
    return stack is not None and url in (stack.owner_source_url, stack.owner_target_url)


def owner_url(field: Literal["source_url", "target_url"]) -> str:
    """The URL of a database for a command that changes its tables: `MINUANO_SOURCE_URL` or
    `MINUANO_TARGET_URL`, else that of the owner in the running stack.
    """
    settings_class = DATABASES[field]
    stack = running_stack()
    if stack and not environment.read_variables(settings_class, os.environ):
        return str(getattr(stack, f"owner_{field}"))
    return str(getattr(load(settings_class), field).get_secret_value())
