"""What `sam build` packages for each function."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from samtranslator.yaml_helper import yaml_parse

from local.account import REGION
from local.stack.template import TEMPLATE
from tests.template.deployed import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

BIN = Path(sys.executable).parent
RUNTIME = "python3.13"


def has_runtime() -> bool:
    """Whether `sam build` finds the functions' own Python."""
    found = shutil.which(RUNTIME)
    return (
        bool(found) and subprocess.run([RUNTIME, "--version"], capture_output=True).returncode == 0
    )


def buildable(folder: Path) -> tuple[Path, list[str]]:
    """The template and the options to build it with.

    Without the functions' own Python, uv builds for it, which SAM wants to be told in the template.
    """
    if has_runtime():
        return TEMPLATE, []
    lines = TEMPLATE.read_text().splitlines()
    with_uv = []
    for line in lines:
        with_uv.append(line)
        if line == "    Type: AWS::Serverless::Function":
            with_uv += ["    Metadata:", "      BuildMethod: python-uv"]
    template = folder / "template.yaml"
    template.write_text("\n".join(with_uv))
    for part in ("functions", "statemachine"):
        (folder / part).symlink_to(ROOT / part)
    return template, ["--beta-features"]


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("build")
    template, options = buildable(folder)
    out = folder / "out"
    environment = {
        **os.environ,
        "AWS_DEFAULT_REGION": REGION,
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        "SAM_CLI_TELEMETRY": "0",
    }
    places = ["--template", template, "--build-dir", out, "--cache-dir", folder / "cache"]
    built = subprocess.run(
        [str(part) for part in (BIN / "sam", "build", "--no-cached", *places, *options)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert built.returncode == 0, built.stderr
    yield out
    shutil.rmtree(folder)


def without_paths(template: dict[str, Any]) -> dict[str, Any]:
    """The template less what `sam build` sets: the paths of what it built, and its own metadata."""
    for place in (template["Globals"]["Function"], *template["Resources"].values()):
        place.pop("Metadata", None)
        properties = place.get("Properties", place)
        properties.pop("CodeUri", None)
        properties.pop("DefinitionUri", None)
    return template


def test_the_built_template_has_no_alias_and_says_what_its_source_says(build: Path) -> None:
    built = (build / "template.yaml").read_text()

    assert [event for event in yaml.parse(built) if getattr(event, "anchor", None)] == []
    assert without_paths(yaml_parse(built)) == without_paths(yaml_parse(TEMPLATE.read_text()))


def test_the_source_of_the_template_has_aliases() -> None:
    events = yaml.parse(TEMPLATE.read_text())

    assert any(isinstance(event, yaml.AliasEvent) for event in events)


def packages(build: Path) -> Iterator[tuple[str, Path]]:
    """Each function's handler, and the folder that would be uploaded for it."""
    template: dict[str, Any] = yaml_parse((build / "template.yaml").read_text())
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            properties = resource["Properties"]
            yield properties["Handler"], build / properties["CodeUri"]


def test_every_built_function_has_its_handler_and_what_it_imports(
    build: Path,
) -> None:
    built = dict(packages(build))

    assert built.keys() == {
        "check_integration.handler",
        "clean_up.handler",
        "create_integration.handler",
        "find_integrations.handler",
        "plan_windows.handler",
        "repair_integration.handler",
        "review_windows.handler",
        "notify.handler",
        "wake_window.handler",
    }
    for handler, package in built.items():
        assert (package / handler.replace(".handler", ".py")).is_file()
        for imported in ("bulk_ingestion", "aws_lambda_powertools", "dateutil", "pydantic"):
            assert (package / imported).is_dir(), imported


def test_the_libraries_of_the_built_functions_are_for_arm(
    build: Path,
) -> None:
    for _, package in packages(build):
        libraries = {path.name for path in package.rglob("*.so")}

        assert any(name.startswith("_pydantic_core.cpython-313-aarch64") for name in libraries)
        assert not any("x86_64" in name for name in libraries), libraries


def test_no_built_function_carries_what_lambda_has(build: Path) -> None:
    for _, package in packages(build):
        assert not (package / "boto3").exists()
