"""The stack's template as CloudFormation sees it: expanded, with the definition put in."""

from __future__ import annotations

from copy import deepcopy
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import yaml
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import intrinsics_multi_constructor

from local.account import REGION

if TYPE_CHECKING:
    from collections.abc import Mapping

TEMPLATE = Path(__file__).parents[2] / "template.yaml"

_CODE_BUCKET = "code"
"""Stands for the bucket that `sam package` would upload to; the key is the path on this machine."""


class _Loader(yaml.CSafeLoader):
    """SAM's way to read a template, by libyaml; in Python it takes longer than to deploy it."""


_Loader.add_multi_constructor("!", intrinsics_multi_constructor)


def expand(
    path: Path | str = TEMPLATE,
    parameters: Mapping[str, str] | None = None,
    region: str = REGION,
) -> dict[str, Any]:
    """Expand a SAM template without AWS.

    Parameters become the defaults of the template's own; the state machine's definition file
    becomes its ``DefinitionString``, beside its ``DefinitionSubstitutions``.
    """
    path, given = Path(path), tuple(sorted((parameters or {}).items()))
    expanded = deepcopy(_translated(path.read_text(), given, region))
    for resource in expanded["Resources"].values():
        properties = resource.get("Properties", {})
        if place := properties.pop("DefinitionS3Location", None):
            properties["DefinitionString"] = (path.parent / place["Key"]).read_text()
    return expanded


@lru_cache(maxsize=16)
def _translated(text: str, values: tuple[tuple[str, str], ...], region: str) -> dict[str, Any]:
    template: dict[str, Any] = yaml.load(text, _Loader)  # noqa: S506 - a safe one
    _apply(dict(values), template.get("Parameters", {}))
    _point_at_code(template)
    translator = Translator({}, Parser(), boto_session=boto3.Session(region_name=region))
    translated: dict[str, Any] = translator.translate(template, parameter_values={})
    translator.metrics.publish()  # nowhere; without it the translator complains when it goes
    return translated


def _apply(values: Mapping[str, str], parameters: dict[str, Any]) -> None:
    if unknown := values.keys() - parameters.keys():
        raise ValueError(f"The template has no parameter {', '.join(sorted(unknown))}.")
    for name, value in values.items():
        parameters[name]["Default"] = value


def _point_at_code(template: dict[str, Any]) -> None:
    """Do what `sam package` does to paths."""
    places = [template.get("Globals", {}).get("Function", {})]
    places += [resource.get("Properties", {}) for resource in template["Resources"].values()]
    for place in places:
        for key in place.keys() & {"CodeUri", "DefinitionUri"}:
            place[key] = {"Bucket": _CODE_BUCKET, "Key": place[key]}
