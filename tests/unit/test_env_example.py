""".env.example and docs/settings.md list every setting, as the code and Docker Compose have it."""

import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from shared.environment import PREFIX, Settings, load
from tools import settings_docs as documents

ROOT = documents.ROOT
MAX_VISIBLE = 45
SERVICES = ("connector", "extractor", "aggregator", "loader", "dashboard")
CLASSES = {name: documents.READERS[name][0] for name in SERVICES}
ALL = documents.all_settings()
TUNING = [setting for setting in ALL if setting.is_tuning]
CONTAINERS: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
# The workers serve only health and metrics, which need no key; a container has no log files.
NOT_PASSED = {
    "aggregator": {"MINUANO_API_KEY"},
    "loader": {"MINUANO_API_KEY"},
    "dashboard": {"MINUANO_LOG_FOLDER"},
}


def variables_of(settings_class: type[Settings]) -> set[str]:
    return {f"{PREFIX}{field.upper()}" for field in settings_class.model_fields}


def product_code() -> str:
    files = [path for room in ("cli", "services", "shared") for path in (ROOT / room).rglob("*.py")]
    return "\n".join(path.read_text() for path in files)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (documents.TABLE, documents.table()),
        (documents.EXAMPLE, documents.example()),
        (documents.NAMES, documents.names()),
    ],
    ids=lambda value: value.name if isinstance(value, Path) else "",
)
def test_the_documents_have_the_settings_of_the_code(path: Path, expected: str) -> None:
    assert path.read_text() == expected, f"{path.name} differs from the code: run make docs"


def test_users_see_at_most_45_settings() -> None:
    assert len(ALL) - len(TUNING) <= MAX_VISIBLE


def test_each_setting_is_listed_once() -> None:
    names = Counter(setting.name for setting in ALL)
    assert [name for name, times in names.items() if times > 1] == []


def test_every_field_of_every_reader_is_listed() -> None:
    fields = {
        variable
        for classes in documents.READERS.values()
        for settings_class in classes
        for variable in variables_of(settings_class)
    }
    from_code = {setting.name for setting in ALL if setting.readers != (documents.COMPOSE,)}
    assert from_code == fields


@pytest.mark.parametrize("setting", ALL, ids=lambda setting: setting.name)
def test_a_description_is_a_sentence_or_more(setting: documents.Setting) -> None:
    assert re.fullmatch(r"[A-Z]\S* .*\.|std .*\.", setting.description)


def test_the_code_uses_every_setting() -> None:
    code = product_code()
    fields = {
        field
        for classes in documents.READERS.values()
        for settings_class in classes
        for field in settings_class.model_fields
    }
    # `owner_url` reads the URLs of databases by the name of the field.
    assert {field for field in fields if not re.search(rf"\.{field}\b", code)} == set()


def test_every_variable_of_docker_compose_is_listed() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    variables = set(re.findall(rf"\b{PREFIX}\w+", text))
    assert variables <= {setting.name for setting in ALL}


def test_docker_compose_alone_reads_what_is_listed_as_such() -> None:
    defaults = documents.compose_defaults()
    own = {setting.name for setting in ALL if setting.readers == (documents.COMPOSE,)}
    others = {setting.name for setting in ALL} - own
    assert {PREFIX + name for name in defaults} - others == own


@pytest.mark.parametrize("service", SERVICES)
def test_docker_compose_passes_each_setting_to_the_services_that_read_it(service: str) -> None:
    passed = {name for name in CONTAINERS[service]["environment"] if name.startswith(PREFIX)}
    assert passed == variables_of(CLASSES[service]) - NOT_PASSED.get(service, set())


def test_every_service_starts_with_the_listed_values(monkeypatch: pytest.MonkeyPatch) -> None:
    for setting in ALL:
        monkeypatch.setenv(setting.name, setting.value.strip("'"))
    ports = {load(settings_class, port=1).port for settings_class in CLASSES.values()}  # type: ignore[attr-defined]
    assert ports == {1}


@pytest.mark.parametrize("service", SERVICES)
def test_the_description_of_the_port_has_the_default_of_each_service(service: str) -> None:
    [description] = [s.description for s in ALL if s.name == "MINUANO_PORT"]
    [port] = re.findall(rf"{service} (\d+)", description)
    code = (ROOT / "services" / service / "__main__.py").read_text()
    assert re.search(rf"(?:port=|PORT = ){port}\b", code)


def test_every_line_of_the_example_is_a_comment() -> None:
    lines = documents.EXAMPLE.read_text().splitlines()
    assert [line for line in lines if line and not line.startswith("#")] == []
