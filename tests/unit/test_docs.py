"""Every path, link, command, setting, route and metric that a document names exists."""

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import prometheus_client
import pytest
import typer

import shared.metrics  # noqa: F401 - registers the metrics
from cli.main import app

ROOT = Path(__file__).resolve().parents[2]
TRACKED = subprocess.run(
    ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
).stdout.splitlines()
DOCUMENTS = [name for name in TRACKED if name.endswith(".md") and "vendor" not in name]
MAX_WIDTH = 100
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[\w-]+)?\)")
SETTING = re.compile(r"\bMINUANO_[A-Z0-9_]+[A-Z0-9]\b")
MINUANO = re.compile(r"(?:[\w./=:@…-]+ )*?(?:\.venv/bin/)?minuano ([\w-].*)")
ROUTE = re.compile(r"^(?:GET|POST|DELETE)? ?(/[\w/{}.-]+)")
METRIC = re.compile(r"\bminuano_[a-z_]+")
PATH = re.compile(r"^(?:shared|services|cli|bench|tests|docs|deploy|migrations|tools)/[\w./-]+$")
OTHER_ROUTES = {
    "/docs",
    "/health",
    "/health/live",
    "/health/ready",
    "/metrics",
    "/openapi.json",
}


def text(name: str) -> str:
    return (ROOT / name).read_text()


def code(name: str) -> Iterator[str]:
    """Each code span, and each line of a code block without its comment."""
    document = text(name)
    for block in FENCE.findall(document):
        yield from (line.split("  #")[0].strip() for line in block.splitlines()[1:-1])
    yield from CODE.findall(FENCE.sub("", document))


@cache
def routes() -> set[str]:
    """The paths of all decorators such as `@router.get("/jobs/{id}")`."""
    found = set(OTHER_ROUTES)
    for name in TRACKED:
        if name.startswith("services/") and name.endswith(".py"):
            for node in ast.walk(ast.parse(text(name))):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                    first = node.args[0] if node.args else None
                    if isinstance(first, ast.Constant) and str(first.value).startswith("/"):
                        found.add(str(first.value))
    return found


@cache
def settings() -> set[str]:
    return set(SETTING.findall(text(".env.example")))


@cache
def metrics() -> set[str]:
    return {family.name for family in prometheus_client.REGISTRY.collect()}


def is_route(path: str) -> bool:
    """Whether a route has this path; `{id}` and any value stand for a parameter."""
    return any(
        re.fullmatch(re.sub(r"\{\w+\}", r"[^/]+", route), path.removeprefix("/api"))
        for route in (known.removeprefix("/api") for known in routes())
    )


def command_problem(words: list[str]) -> str | None:
    """What is wrong with `minuano <words>`, if anything is."""
    command: Any = typer.main.get_command(app)
    while getattr(command, "commands", None) and words and not words[0].startswith("-"):
        name, *words = words
        if name not in command.commands:
            return f"there is no command {name!r}"
        command = command.commands[name]
    if command.context_settings.get("ignore_unknown_options"):  # `minuano dagster …`
        return None
    options = {option for parameter in command.params for option in parameter.opts} | {"--help"}
    unknown = [w for w in words if w.startswith("--") and w.split("=")[0] not in options]
    return f"{command.name} has no option {unknown[0]}" if unknown else None


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_and_paths_exist(name: str) -> None:
    folder = (ROOT / name).parent
    links = [link for link in LINK.findall(FENCE.sub("", text(name))) if "://" not in link]
    paths = [span for span in code(name) if PATH.match(span) and "*" not in span]
    missing = [link for link in links if not (folder / link).exists()]
    assert missing + [path for path in paths if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_commands_exist(name: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", text("Makefile"), re.MULTILINE))
    problems = []
    for line in code(name):
        made, called = re.match(r"make ([a-z-]+)", line), MINUANO.match(line)
        if made and made[1] not in targets:
            problems.append(f"{line}: there is no target {made[1]}")
        if called and (problem := command_problem(called[1].split())):
            problems.append(f"{line}: {problem}")
    assert problems == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_settings_exist(name: str) -> None:
    named = {setting.removesuffix("_FILE") for setting in SETTING.findall(text(name))}
    tests_only = {setting for setting in named if setting.startswith("MINUANO_TEST_")}
    assert named - settings() - tests_only == set()


@pytest.mark.parametrize("name", DOCUMENTS)
def test_routes_exist(name: str) -> None:
    named = [
        match[1]
        for span in code(name)
        if (match := ROUTE.match(span)) and not span.startswith("/dev/")
    ]
    assert [path for path in named if not is_route(path)] == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_metrics_exist(name: str) -> None:
    roles = {
        "minuano_reader",
        "minuano_owner",
        "minuano_cli",
        "minuano_dashboard",
        "minuano_extractor",
        "minuano_loader",
        "minuano_orchestrator",
    }
    named = {re.sub(r"_(total|bucket|count|sum)$", "", m) for m in METRIC.findall(text(name))}
    assert named - metrics() - roles == set()


@pytest.mark.parametrize("name", DOCUMENTS)
def test_no_line_of_prose_is_longer_than_100(name: str) -> None:
    lines = FENCE.sub("", text(name)).splitlines()
    prose = [line for line in lines if not line.startswith(("|", "![")) and "](" not in line]
    assert [line for line in prose if len(line) > MAX_WIDTH] == []
