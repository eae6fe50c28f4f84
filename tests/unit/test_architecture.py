"""Which packages and modules may know each other, and how long a handler may be."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FUNCTIONS = ROOT / "functions"
HANDLERS = sorted(FUNCTIONS.glob("*.py"))
LONGEST_HANDLER = 30

BASE = {"errors", "remediation", "settings", "times", "wording"}
ROOMS = {
    "errors": set[str](),
    "remediation": set[str](),
    "settings": set[str](),
    "wording": set[str](),
    "times": {"wording"},
    "aws": BASE,
    "flow": BASE | {"aws"},
    "notifications": BASE | {"aws"},
    "run": BASE | {"aws", "flow"},
    "report": BASE | {"aws", "flow", "notifications", "run"},
    "integration": BASE | {"aws", "flow", "notifications", "run"},
    "input": BASE | {"aws", "flow", "run", "report"},
    "steps": BASE | {"aws", "flow", "run", "report", "integration", "input"},
}
"""What each room of functions/bulk_ingestion may import, besides itself."""

LOCAL_BASE = {"account", "caller", "clients", "clock", "strict_json"}
LOCAL_ROOMS = {
    "services": LOCAL_BASE,
    "stack": LOCAL_BASE | {"startup"},
    "faults": LOCAL_BASE | {"services"},
    "iam": LOCAL_BASE | {"services"},
    "interpreter": LOCAL_BASE | {"services", "iam"},
    "aws": LOCAL_BASE | {"services", "iam", "interpreter"},
}
"""What each room of the embedded cloud may import from it, besides itself."""

TOP_LEVEL = {
    "functions": set[str](),
    "local": {"functions"},
    "cli": {"functions", "local"},
}
"""What each top-level package may import, besides itself."""


def name_of(path: Path) -> str:
    """Give a module's dotted name; the folder functions/ is on the path, and not part of it."""
    base = FUNCTIONS if path.is_relative_to(FUNCTIONS) else ROOT
    parts = path.relative_to(base).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {
    name_of(path): path for package in TOP_LEVEL for path in sorted((ROOT / package).rglob("*.py"))
}


def top_level(module: str) -> str:
    return MODULES[module].relative_to(ROOT).parts[0]


def room(module: str) -> str:
    return module.split(".")[1]


@cache
def imports(module: str) -> frozenset[str]:
    """Give the project's own modules that a module imports, wherever in it and for whatever."""
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
    return frozenset(named for node in ast.walk(tree) for named in _named(module, node))


def _named(module: str, node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names if alias.name in MODULES)
    if isinstance(node, ast.ImportFrom):
        source = f"{_package(module, node.level)}{node.module or ''}".rstrip(".")
        for alias in node.names:
            submodule = f"{source}.{alias.name}"
            if submodule in MODULES:
                yield submodule
            elif source in MODULES:
                yield source


def _package(module: str, level: int) -> str:
    """Give the package that a relative import starts from; empty for an absolute one."""
    if not level:
        return ""
    parts = module.split(".")
    if MODULES[module].name == "__init__.py":
        level -= 1
    return "".join(f"{part}." for part in parts[: len(parts) - level])


def circle(graph: dict[str, set[str]]) -> list[str]:
    """Give a circle of a graph, or nothing."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        found: list[str] = error.args[1]
        return found
    return []


@pytest.mark.parametrize("package", TOP_LEVEL)
def test_a_top_level_package_imports_only_those_that_it_may(package: str) -> None:
    found = {
        f"{module} imports {imported}"
        for module in MODULES
        if top_level(module) == package
        for imported in imports(module)
        if top_level(imported) not in TOP_LEVEL[package] | {package}
    }
    assert not found


@pytest.mark.parametrize("package", ROOMS)
def test_a_room_imports_only_those_that_it_may(package: str) -> None:
    modules = [name for name in MODULES if name.startswith("bulk_ingestion.")]
    found = {
        f"{module} imports {imported}"
        for module in modules
        if room(module) == package
        for imported in imports(module)
        if room(imported) not in ROOMS[package] | {package}
    }
    assert not found


@pytest.mark.parametrize("package", LOCAL_ROOMS)
def test_a_room_of_the_embedded_cloud_imports_only_those_that_it_may(package: str) -> None:
    found = {
        f"{module} imports {imported}"
        for module in MODULES
        if module.startswith(f"local.{package}.")
        for imported in imports(module)
        if top_level(imported) == "local" and room(imported) not in LOCAL_ROOMS[package] | {package}
    }
    assert not found


def test_every_room_is_on_the_map_and_the_map_has_no_circle() -> None:
    rooms = {room(name) for name in MODULES if name.startswith("bulk_ingestion.")}
    assert rooms == set(ROOMS)
    assert circle(ROOMS) == []


def test_the_page_shows_the_map() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \|.*\| ([^|]*) ?\|$", page, re.MULTILINE)
    shown = {package: set(re.findall(r"`(\w+)`", imported)) for package, imported in rows}
    assert shown == {package: ROOMS[package] - BASE for package in ROOMS.keys() - BASE}
    files = re.findall(r"`([\w/]+\.py)`", page)
    assert len(files) > 10
    places = (ROOT, FUNCTIONS, FUNCTIONS / "bulk_ingestion")
    assert [file for file in files if not any((at / file).exists() for at in places)] == []


@pytest.mark.parametrize("part", ["functions", *(f"local/{room}" for room in LOCAL_ROOMS)])
def test_no_modules_import_each_other_in_a_circle(part: str) -> None:
    graph = {
        module: {imported for imported in imports(module) if imported != module}
        for module, path in MODULES.items()
        if path.is_relative_to(ROOT / part)
    }
    assert graph
    assert circle(graph) == []


@pytest.mark.parametrize("path", HANDLERS, ids=lambda path: path.stem)
def test_a_handler_parses_calls_and_returns(path: Path) -> None:
    functions = [
        node
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef)
    ]
    assert [function.name for function in functions] == ["handler"]
    assert [ast.unparse(each) for each in functions[0].decorator_list] == ["lambda_handler"]
    lines = (functions[0].end_lineno or 0) - functions[0].lineno + 1
    assert lines <= LONGEST_HANDLER


@pytest.mark.parametrize("package", sorted(ROOMS.keys() - BASE))
def test_a_sub_package_has_nothing_but_a_docstring(package: str) -> None:
    tree = ast.parse((FUNCTIONS / "bulk_ingestion" / package / "__init__.py").read_text())
    assert [type(node) for node in tree.body] == [ast.Expr]
