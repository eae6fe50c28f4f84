"""The conventions of the suites: helpers, names, and the README that describes them."""

from __future__ import annotations

import ast
import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
MODULES = {
    str(path.relative_to(TESTS)): ast.parse(path.read_text()) for path in TESTS.glob("*/*.py")
}
IS_NO_HELPER = re.compile(r"test_|conftest$")
SUITES = sorted({Path(name).parts[0] for name in MODULES})


def imported(module: ast.Module) -> set[str]:
    imports = [node.module or "" for node in ast.walk(module) if isinstance(node, ast.ImportFrom)]
    return {name.rpartition(".")[2] for name in imports if name.startswith("tests.")}


def test_no_module_imports_from_a_test_module_or_a_conftest() -> None:
    shared = {name: imported(module) for name, module in MODULES.items()}
    assert [n for n, modules in shared.items() if any(map(IS_NO_HELPER.match, modules))] == []


def test_every_test_module_says_in_a_sentence_what_it_is_about() -> None:
    docstrings = {n: ast.get_docstring(m) or "" for n, m in MODULES.items() if "/test_" in n}
    first_lines = {name: text.partition("\n")[0] for name, text in docstrings.items()}
    assert [name for name, line in first_lines.items() if not line.endswith((".", "?"))] == []


def test_the_readme_describes_every_suite() -> None:
    readme = (TESTS / "README.md").read_text()
    assert sorted(re.findall(r"^\| \[`(\w+)`\]\(\1\)", readme, re.MULTILINE)) == SUITES
