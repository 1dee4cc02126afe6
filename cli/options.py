"""Checks of options and arguments that several commands have; a wrong one ends with exit code 2."""

from datetime import datetime

import typer

from shared.domain.job_request import FIRST_DAY, LAST_DAY
from shared.setting_types import split_names


def require_names(text: str | None) -> str | None:
    """The text of an option, which names something if it is given: an empty shell variable must not
    mean all.
    """
    if text is not None and not split_names(text):
        raise typer.BadParameter("it names nothing: write names, or leave the option out")
    return text


def require_day(day: datetime) -> datetime:
    """A day that the pipeline knows."""
    if not FIRST_DAY <= day.date() <= LAST_DAY:
        raise typer.BadParameter(f"a day must be between {FIRST_DAY} and {LAST_DAY}")
    return day
