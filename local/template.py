"""The stack's template as CloudFormation sees it: expanded, with the definition put in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

if TYPE_CHECKING:
    from collections.abc import Mapping

TEMPLATE = Path(__file__).parent.parent / "template.yaml"
REGION = "us-east-1"

_CODE_BUCKET = "code"
"""Stands for the bucket that `sam package` would upload to; the key is the path on this machine."""


def expand(
    path: Path | str = TEMPLATE,
    parameters: Mapping[str, str] | None = None,
    region: str = REGION,
) -> dict[str, Any]:
    """Expand a SAM template without AWS.

    Parameters become the defaults of the template's own; the state machine's definition file
    becomes its ``DefinitionString``, beside its ``DefinitionSubstitutions``.
    """
    template: dict[str, Any] = yaml_parse(Path(path).read_text())
    _apply(parameters or {}, template.get("Parameters", {}))
    definitions = _point_at_code(template, Path(path).parent)
    translator = Translator({}, Parser(), boto_session=boto3.Session(region_name=region))
    expanded: dict[str, Any] = translator.translate(template, parameter_values={})
    translator.metrics.publish()  # nowhere; without it the translator complains when it goes
    for logical_id, definition in definitions.items():
        properties = expanded["Resources"][logical_id]["Properties"]
        del properties["DefinitionS3Location"]
        properties["DefinitionString"] = definition
    return expanded


def _apply(values: Mapping[str, str], parameters: dict[str, Any]) -> None:
    if unknown := values.keys() - parameters.keys():
        raise ValueError(f"The template has no parameter {', '.join(sorted(unknown))}.")
    for name, value in values.items():
        parameters[name]["Default"] = value


def _point_at_code(template: dict[str, Any], folder: Path) -> dict[str, str]:
    """Do what `sam package` does to paths; return the definitions that they led to."""
    definitions = {}
    places = [template.get("Globals", {}).get("Function", {})]
    for logical_id, resource in template["Resources"].items():
        properties = resource.get("Properties", {})
        places.append(properties)
        if uri := properties.get("DefinitionUri"):
            definitions[logical_id] = (folder / uri).read_text()
    for place in places:
        for key in place.keys() & {"CodeUri", "DefinitionUri"}:
            place[key] = {"Bucket": _CODE_BUCKET, "Key": place[key]}
    return definitions
