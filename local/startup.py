"""Starts sooner by what is not imported, and what is not read twice.

Two services of moto's import its EC2 for one use each, which nothing here makes. The tables of
EC2's instance types and Regions take as long to load as all that is used here.

Clients, functions and moto have a loader each, and each of them would parse the services' models.
"""

from __future__ import annotations

import importlib
import sys
from functools import cache
from importlib.util import find_spec
from types import ModuleType
from typing import Any

from botocore.loaders import JSONFileLoader

_BATCH, _EC2, _SSM = "moto.batch", "moto.ec2", "moto.ssm.models"


def import_batch_lazily() -> None:
    """Have ``import moto.batch`` import nothing, until somebody asks it for its backends.

    Moto's interpreter imports an enumeration from it.
    """
    if _BATCH in sys.modules:
        return
    moto = find_spec("moto")
    assert moto is not None
    package = ModuleType(_BATCH)
    package.__path__ = [f"{folder}/batch" for folder in moto.submodule_search_locations or ()]
    package.__getattr__ = _of_its_models  # type: ignore[method-assign]
    sys.modules[_BATCH] = package


def _of_its_models(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    return getattr(importlib.import_module(f"{_BATCH}.models"), name)


def read_models_once() -> None:
    """Have all of botocore's loaders share what they have read."""
    load_file = cache(JSONFileLoader().load_file)
    JSONFileLoader.load_file = lambda self, file_path: load_file(file_path)  # type: ignore[method-assign]


def import_ssm_without_ec2() -> None:
    """Import moto's Systems Manager; it asks for EC2 when a command has targets."""
    if _EC2 in sys.modules or _SSM in sys.modules:
        return
    stand_in = ModuleType(_EC2)
    stand_in.ec2_backends = _Ec2Backends()  # type: ignore[attr-defined]
    sys.modules[_EC2] = stand_in
    try:
        importlib.import_module(_SSM)
    finally:
        del sys.modules[_EC2]


class _Ec2Backends:
    def __getitem__(self, account: str) -> Any:
        return importlib.import_module(_EC2).ec2_backends[account]
