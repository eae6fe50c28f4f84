"""Keeps the shell's AWS configuration out, so that nothing reaches what it names."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from unittest.mock import patch

_OF_CLIENTS = ("AWS_", "MOTO_")
_NO_CONFIGURATION = {
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}


@contextmanager
def isolated(variables: Mapping[str, str]) -> Iterator[None]:
    """Have boto3 and moto read nothing but ``variables``, for as long as the context.

    Without it, a client would take endpoints, profiles, Regions, dual-stack and FIPS from the
    shell or from the user's files.
    """
    with patch.dict(os.environ):
        for name in [name for name in os.environ if name.startswith(_OF_CLIENTS)]:
            del os.environ[name]
        os.environ.update({**_NO_CONFIGURATION, **variables})
        yield
