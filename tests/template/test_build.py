from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from samtranslator.yaml_helper import yaml_parse

from local.template import REGION, TEMPLATE
from tests.template.conftest import ROOT

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


def packages(build: Path) -> Iterator[tuple[str, Path]]:
    """Each function's handler, and the folder that would be uploaded for it."""
    template: dict[str, Any] = yaml_parse((build / "template.yaml").read_text())
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            properties = resource["Properties"]
            yield properties["Handler"], build / properties["CodeUri"]


def test_given_the_functions_when_built_then_each_has_its_handler_and_what_it_imports(
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
        "tell_people.handler",
    }
    for handler, package in built.items():
        assert (package / handler.replace(".handler", ".py")).is_file()
        for imported in ("bulk_ingestion", "aws_lambda_powertools", "dateutil", "pydantic"):
            assert (package / imported).is_dir(), imported


def test_given_the_functions_run_on_arm_when_built_then_their_libraries_are_for_it(
    build: Path,
) -> None:
    for _, package in packages(build):
        libraries = {path.name for path in package.rglob("*.so")}

        assert any(name.startswith("_pydantic_core.cpython-313-aarch64") for name in libraries)
        assert not any("x86_64" in name for name in libraries), libraries


def test_given_the_stack_when_built_then_no_function_carries_what_lambda_has(build: Path) -> None:
    for _, package in packages(build):
        assert not (package / "boto3").exists()
