"""Reads settings from the environment: `MINUANO_<NAME>`, or the file that `MINUANO_<NAME>_FILE`
names.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, ValidationInfo, field_validator

from shared.errors import ConfigurationError

PREFIX = "MINUANO_"
MAX_S = 1_000_000
"""Of settings in seconds: PostgreSQL has limits of 2³¹ ms."""
MAX_NUMBER = 1_000_000_000


class Settings(BaseModel):
    """The base of all settings classes. `load` reads the environment; the constructor does not."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False
    )

    @field_validator("*")
    @classmethod
    def _check_size(cls, value: Any, info: ValidationInfo) -> Any:
        limit = MAX_S if str(info.field_name).endswith("_s") else MAX_NUMBER
        if isinstance(value, int | float) and value > limit:
            raise ValueError(f"must be at most {limit}")
        return value


S = TypeVar("S", bound=Settings)


def load(settings_class: type[S], **defaults: Any) -> S:
    """Read the settings from the environment; `defaults` are for fields that it leaves out.

    Raises `ConfigurationError` with one line that names the variable.
    """
    return _construct(settings_class, {**defaults, **read_variables(settings_class, os.environ)})


def build(settings_class: type[S], **values: Any) -> S:
    """As `load`, but `values` have priority over the environment."""
    return _construct(settings_class, {**read_variables(settings_class, os.environ), **values})


def load_or_exit(settings_class: type[S], **defaults: Any) -> S:
    """As `load`; a wrong setting ends the process with its message and exit code 2."""
    try:
        return load(settings_class, **defaults)
    except ConfigurationError as error:
        sys.stderr.write(f"minuano: {error}\n")
        raise SystemExit(2) from None


def read_variables(settings_class: type[Settings], variables: Mapping[str, str]) -> dict[str, str]:
    """The text of each field that `variables` set: `MINUANO_<NAME>`, else the content of the file
    that `MINUANO_<NAME>_FILE` names. An empty variable counts as not set.
    """
    values = {}
    for field in settings_class.model_fields:
        name = f"{PREFIX}{field.upper()}"
        text = variables.get(name) or _read_file(f"{name}_FILE", variables)
        if text is not None:
            values[field] = text
    return values


def _read_file(name: str, variables: Mapping[str, str]) -> str | None:
    path = variables.get(name)
    if not path:
        return None
    try:
        return Path(path).read_text().strip()
    except OSError as error:
        raise ConfigurationError(f"{name}: cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{name}: {path} is not a text file") from None


def _construct(settings_class: type[S], values: Mapping[str, Any]) -> S:
    try:
        return settings_class(**values)
    except ValidationError as error:
        raise ConfigurationError(first_error(error)) from None


def first_error(error: ValidationError, setting_names: Mapping[str, str] | None = None) -> str:
    """One line: the variable, what is wrong with it, and how many other errors there are."""
    first = error.errors(include_input=False, include_url=False)[0]
    location = [str(item) for item in first["loc"]]
    is_missing = first["type"] == "missing" and len(location) == 1
    message = "is not set" if is_missing else first["msg"].removeprefix("Value error, ")
    if location:  # else a check of several fields, whose message names the variable
        field = location[0]
        location[0] = f"{PREFIX}{(setting_names or {}).get(field, field).upper()}"
    more = error.error_count() - 1
    return ": ".join([*location, message]) + (f" (and {more} more)" if more else "")
