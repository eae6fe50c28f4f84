from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from moto import mock_aws

from local.account import REGION
from local.stack.stack import Stack, deploy
from local.stack.template import expand
from tests.template.deployed import PARAMETERS

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def expanded() -> dict[str, Any]:
    return expand(parameters=PARAMETERS)


@pytest.fixture
def aws() -> Iterator[None]:
    """Give an account to deploy to."""
    with account():
        yield


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """Give the deployed stack to tests that only look at it."""
    with account():
        yield deploy(PARAMETERS)


@contextmanager
def account() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched, mock_aws():
        patched.setenv("AWS_DEFAULT_REGION", REGION)
        yield


@pytest.fixture
def installed() -> Path:
    """The folder that `make tests/template/node_modules/installed` fills."""
    folder = Path(__file__).parent / "node_modules"
    assert folder.is_dir(), "run make tests/template/node_modules/installed"
    return folder
