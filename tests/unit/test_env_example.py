""".env.example lists every setting, with the default it has."""

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from services.aggregator.settings import AggregatorSettings
from services.connector.settings import ConnectorSettings
from services.dashboard.settings import DashboardSettings
from services.extractor.settings import ExtractorSettings
from services.loader.settings import LoaderSettings
from services.orchestrator.instance_config import InstanceSettings
from services.orchestrator.settings import OrchestratorSettings
from shared.settings import PREFIX, Settings, load

ROOT = Path(__file__).resolve().parents[2]
SERVICES: dict[str, type[Settings]] = {
    "aggregator": AggregatorSettings,
    "connector": ConnectorSettings,
    "dashboard": DashboardSettings,
    "extractor": ExtractorSettings,
    "loader": LoaderSettings,
}
OF_DAGSTER: tuple[type[Settings], ...] = (OrchestratorSettings, InstanceSettings)
FIELDS = sorted(
    {(f"{PREFIX}{name.upper()}", name, kind)
     for kind in (*SERVICES.values(), *OF_DAGSTER) for name in kind.model_fields},
    key=str,
)  # fmt: skip
# `${NAME:-default}`, where the default is no URL made of other variables.
IN_COMPOSE = re.compile(r"\$\{(MINUANO_\w+)(?::-([^{}$]*)\})?")
OF_THE_COMMAND_LINE = {"MINUANO_EXTRACTOR_URL"}


class Line(NamedTuple):
    comment: str
    name: str
    value: str


def listed() -> list[Line]:
    """The settings, each below its comment."""
    found = re.findall(
        r"^# (.+)\n#(MINUANO_\w+)=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE
    )
    return [Line(comment, name, value) for comment, name, value in found]


def values(name: str) -> list[str]:
    return [line.value for line in listed() if line.name == name]


def main_of(service: str) -> str:
    return (ROOT / "services" / service / "__main__.py").read_text()


def as_listed(default: Any) -> str:
    if default is None:
        return ""
    if isinstance(default, float):
        return f"{default:g}"
    if isinstance(default, dict):
        return f"'{json.dumps(default, ensure_ascii=False)}'"
    return str(default)


def compose_variables() -> dict[str, str]:
    return dict(IN_COMPOSE.findall((ROOT / "docker-compose.yml").read_text()))


@pytest.mark.parametrize(("variable", "field", "kind"), FIELDS)
def test_a_setting_is_listed_with_its_default(
    variable: str, field: str, kind: type[Settings]
) -> None:
    info = kind.model_fields[field]
    if info.is_required():
        assert len(values(variable)) == 1
    else:
        assert as_listed(info.get_default(call_default_factory=True)) in values(variable)


def test_every_variable_of_docker_compose_is_listed() -> None:
    assert set(compose_variables()) <= {line.name for line in listed()}


def test_what_only_docker_compose_reads_is_listed_with_its_default() -> None:
    settings = {variable for variable, _, _ in FIELDS}
    own = {name: text for name, text in compose_variables().items() if name not in settings}
    assert own == {name: values(name)[0] for name in own}


def test_nothing_is_listed_that_nobody_reads() -> None:
    read = {variable for variable, _, _ in FIELDS} | set(compose_variables())
    assert read | OF_THE_COMMAND_LINE == {line.name for line in listed()}


def test_no_name_is_listed_twice() -> None:
    names = [line.name for line in listed()]
    assert len(names) == len(set(names))


def test_every_service_starts_with_what_is_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    for line in listed():
        monkeypatch.setenv(line.name, line.value.strip("'"))
    assert {load(kind, port=1).port for kind in SERVICES.values()} == {1}  # type: ignore[attr-defined]
    assert load(OrchestratorSettings).dagster_last_day is None


@pytest.mark.parametrize("service", SERVICES)
def test_the_port_of_each_service_is_told(service: str) -> None:
    comment = next(line.comment for line in listed() if line.name == "MINUANO_PORT")
    [port] = re.findall(rf"{service} (\d+)", comment)
    assert re.search(rf"(?:port=|PORT = ){port}\b", main_of(service))


def test_every_line_is_a_comment() -> None:
    lines = (ROOT / ".env.example").read_text().splitlines()
    assert [line for line in lines if line and not line.startswith("#")] == []
