"""JSONPath as Step Functions reads it: a definite path gives its value, any other one a list."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from jsonpath_ng import Child, Fields, Index, Root
from moto.stepfunctions.parser.asl.utils import json_path

if TYPE_CHECKING:
    from local.interpreter.patches import Patches

_MOTOS = "moto.stepfunctions."


def _is_definite(expression: Any) -> bool:
    """Whether a path can match one value at most: it has names and single indices alone."""
    if isinstance(expression, Child):
        return _is_definite(expression.left) and _is_definite(expression.right)
    if isinstance(expression, Fields):
        return len(expression.fields) == 1 and expression.fields != ("*",)
    if isinstance(expression, Index):
        return len(expression.indices) == 1
    return isinstance(expression, Root)


def extract(path: str, data: Any) -> Any:
    """Read a path; raises moto's NoSuchJsonPathError if a definite path matches nothing."""
    expression = json_path.parse(path)
    found = [match.value for match in expression.find(data)]
    if not _is_definite(expression):
        return found
    if not found:
        raise json_path.NoSuchJsonPathError(json_path=path, data=data)
    return found[0]


def read_paths_as_aws_does(patches: Patches) -> None:
    """Read definite paths as values; moto gives a list for ``$.list[0].x``."""
    for name, module in list(sys.modules.items()):
        if name.startswith(_MOTOS) and "extract_json" in vars(module):
            patches.put(module, "extract_json", extract)
