"""Writes docs/settings.md, .env.example and shared/setting_names.py from the settings classes:
`make docs`.
"""

import json
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic.fields import FieldInfo

from services.aggregator.settings import AggregatorSettings
from services.connector.settings import ConnectorSettings
from services.dashboard.settings import DashboardSettings
from services.extractor.settings import ExtractorSettings
from services.loader.settings import LoaderSettings
from services.orchestrator.instance_config import InstanceSettings
from services.orchestrator.settings import OrchestratorSettings
from shared.clients.settings import ConnectorClientSettings, ExtractorClientSettings
from shared.environment import PREFIX, Settings
from shared.http.settings import HttpSettings
from shared.setting_types import TUNING
from shared.settings import (
    ApiKeySettings,
    RedisSettings,
    ServiceSettings,
    SourceSettings,
    SourceUrlSettings,
    StatisticsSettings,
    TargetSettings,
    TimezoneSettings,
    VariablesSettings,
)

ROOT = Path(__file__).resolve().parents[1]
TABLE, EXAMPLE = ROOT / "docs" / "settings.md", ROOT / ".env.example"
NAMES = ROOT / "shared" / "setting_names.py"
LINE_WIDTH = 100
CLIENTS = (ConnectorClientSettings, ExtractorClientSettings)
SECTIONS: Mapping[type[Settings], str] = {
    SourceUrlSettings: "Source",
    TargetSettings: "Target",
    RedisSettings: "Streams",
    ConnectorClientSettings: "Connector",
    ExtractorClientSettings: "Extractor",
    ApiKeySettings: "All services",
    ServiceSettings: "All services",
    HttpSettings: "All services",
    TimezoneSettings: "Source",
    SourceSettings: "Source",
    VariablesSettings: "Statistics",
    StatisticsSettings: "Statistics",
    LoaderSettings: "Loader: signals and transactions",
    ConnectorSettings: "Connector",
    ExtractorSettings: "Extractor",
    DashboardSettings: "Dashboard",
    InstanceSettings: "Dagster",
    OrchestratorSettings: "Dagster",
}
READERS: Mapping[str, tuple[type[Settings], ...]] = {
    "connector": (ConnectorSettings,),
    "extractor": (ExtractorSettings,),
    "aggregator": (AggregatorSettings,),
    "loader": (LoaderSettings,),
    "dashboard": (DashboardSettings,),
    "Dagster": (InstanceSettings, OrchestratorSettings, TargetSettings, *CLIENTS),
    "command line": (
        SourceUrlSettings, TargetSettings, RedisSettings, SourceSettings, VariablesSettings,
        StatisticsSettings, *CLIENTS,
    ),
}  # fmt: skip
COMPOSE = "Docker Compose"
PASSWORDS = (
    "Docker Compose only: passwords (letters and digits, because URLs contain them) and ports"
)
COMPOSE_ONLY = {
    "POSTGRES_PASSWORD": "Password of the superuser of PostgreSQL, in all its databases.",
    "OWNER_PASSWORD": "Password of the role that owns the tables: migrate and seed.",
    "READER_PASSWORD": "Password of the role that reads the source: connector.",
    "EXTRACTOR_PASSWORD": "Password of the extractor in the target and in Redis.",
    "AGGREGATOR_PASSWORD": "Password of the aggregator in Redis.",
    "LOADER_PASSWORD": "Password of the loader in the target and in Redis.",
    "DASHBOARD_PASSWORD": "Password of the dashboard in the target and in Redis.",
    "CLI_PASSWORD": "Password of the command line in the target and in Redis, and of redis-cli in "
    "its container.",
    "DAGSTER_PASSWORD": "Password of Dagster in its own database and in the target.",
    "REDIS_ADMIN_PASSWORD": "Password of the administrator of Redis.",
    "CONNECTOR_HOST_PORT": "TCP port of the connector on this machine, or a range such as "
    "8100-8109 for --scale connector=2.",
    "EXTRACTOR_HOST_PORT": "TCP port of the extractor on this machine, or a range such as "
    "8200-8209 for --scale extractor=2.",
    "DASHBOARD_HOST_PORT": "TCP port of the dashboard on this machine.",
    "DAGSTER_HOST_PORT": "TCP port of the pages of Dagster on this machine.",
    "IMAGE": "Name of the image of the services.",
    "DAGSTER_IMAGE": "Name of the image with Dagster.",
}
COMPOSE_TUNING = ("IMAGE", "DAGSTER_IMAGE")
_COMPOSE_DEFAULT = re.compile(rf"\$\{{{PREFIX}(\w+):-([^{{}}$]*)\}}")

QUOTE = "'"
URLS = "URLs: required, without defaults (Docker Compose sets all of them)"
TUNING_TITLE = "Tuning: the defaults suit most installations"
TABLE_INTRO = """\
# Settings

Every setting is an environment variable. `MINUANO_<NAME>_FILE` names a file that contains the value
instead. Docker Compose reads [.env](../.env.example); it does not pass on variables that end in
`_FILE`. A wrong setting ends a service or a command with exit code 2 and one line that names it.
`minuano doctor` and the logs of the services name variables that begin with `MINUANO_` and are no
settings.

`make docs` writes this page and [.env.example](../.env.example) from the code.
"""
EXAMPLE_INTRO = """\
# Every setting with its default; docs/settings.md shows them as tables. Docker Compose reads .env:
#   cp .env.example .env
# Without Docker Compose, export the variables that you need. MINUANO_<NAME>_FILE names a file that
# contains the value instead (Docker Compose does not pass such variables on).
"""
NAMES_INTRO = '''\
"""The names of all settings without their prefix; `make docs` writes this file."""

NAMES = (
'''


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting as the documents show it; `value` is its default, or an example of a URL."""

    name: str
    section: str
    value: str
    is_required: bool
    description: str
    readers: tuple[str, ...]
    is_tuning: bool


def all_settings() -> list[Setting]:
    """The settings of Docker Compose, then those of the settings classes; each once."""
    settings = list(_compose_settings())
    for settings_class, section in SECTIONS.items():
        for name, field in settings_class.model_fields.items():
            if name in settings_class.__annotations__:  # not inherited
                settings.append(_setting(name, field, section))
    return settings


def table() -> str:
    """The text of docs/settings.md."""
    settings = all_settings()
    visible = [setting for setting in settings if not setting.is_tuning]
    tuning = [setting for setting in settings if setting.is_tuning]
    parts = [TABLE_INTRO]
    for title, rows in (
        (f"The {len(visible)} settings of most installations", visible),
        (TUNING_TITLE, tuning),
    ):
        parts.append(f"\n## {title}\n\n| name | default | read by | meaning |\n|---|---|---|---|\n")
        parts += [_table_row(setting) for setting in rows]
    return "".join(parts)


def example() -> str:
    """The text of .env.example."""
    settings = all_settings()
    lines = [EXAMPLE_INTRO]
    visible = [setting for setting in settings if not setting.is_tuning]
    for section, rows in _by_section(visible):
        lines.append(f"\n# --- {section}\n\n")
        lines += [_example_lines(setting) for setting in rows]
    lines.append(f"\n# --- {TUNING_TITLE}\n")
    for section, rows in _by_section([setting for setting in settings if setting.is_tuning]):
        lines.append(f"\n# -- {section}\n\n")
        lines += [_example_lines(setting) for setting in rows]
    return "".join(lines)


def names() -> str:
    """The text of shared/setting_names.py."""
    lines = sorted(f'    "{setting.name.removeprefix(PREFIX)}",\n' for setting in all_settings())
    return "".join([NAMES_INTRO, *lines, ")\n"])


def compose_defaults() -> dict[str, str]:
    """The defaults in docker-compose.yml, by the name of the variable without its prefix."""
    return dict(_COMPOSE_DEFAULT.findall((ROOT / "docker-compose.yml").read_text()))


def _compose_settings() -> Iterator[Setting]:
    defaults = compose_defaults()
    for name, description in COMPOSE_ONLY.items():
        is_tuning = name in COMPOSE_TUNING
        yield Setting(
            name=PREFIX + name,
            section=COMPOSE if is_tuning else PASSWORDS,
            value=defaults[name],
            is_required=False,
            description=description,
            readers=(COMPOSE,),
            is_tuning=is_tuning,
        )


def _setting(name: str, field: FieldInfo, section: str) -> Setting:
    is_tuning = TUNING in field.metadata
    is_url = field.is_required() and not is_tuning
    return Setting(
        name=PREFIX + name.upper(),
        section=URLS if is_url else section,
        value=_value(field),
        is_required=field.is_required(),
        description=field.description or "",
        readers=tuple(
            reader
            for reader, classes in READERS.items()
            if any(name in settings_class.model_fields for settings_class in classes)
        ),
        is_tuning=is_tuning,
    )


def _value(field: FieldInfo) -> str:
    if field.is_required():
        return str(field.examples[0]) if field.examples else ""
    default = field.get_default(call_default_factory=True)
    if default is None:
        return ""
    if isinstance(default, float):
        return f"{default:g}"
    if isinstance(default, dict):
        return f"'{json.dumps(default, ensure_ascii=False)}'"
    return str(default)


def _by_section(settings: Sequence[Setting]) -> list[tuple[str, list[Setting]]]:
    sections: dict[str, list[Setting]] = {}
    for setting in settings:
        sections.setdefault(setting.section, []).append(setting)
    return list(sections.items())


def _table_row(setting: Setting) -> str:
    default = f"`{setting.value.strip(QUOTE)}`" if setting.value else "none"
    if setting.is_required:
        default = "required" if setting.value else "depends on the service"
    cells = (f"`{setting.name}`", default, ", ".join(setting.readers), setting.description)
    return f"| {' | '.join(cells)} |\n"


def _example_lines(setting: Setting) -> str:
    comment = textwrap.fill(
        setting.description, LINE_WIDTH, initial_indent="# ", subsequent_indent="# ",
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip
    return f"{comment}\n#{setting.name}={setting.value}\n"


if __name__ == "__main__":
    TABLE.write_text(table())
    EXAMPLE.write_text(example())
    NAMES.write_text(names())
