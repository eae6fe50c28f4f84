"""Secrets in an input are in no report."""

from __future__ import annotations

import pytest

from bulk_ingestion.notifications.redaction import OMITTED, without_secrets


@pytest.mark.parametrize("key", ["clientSecret", "Password", "api_token", "ConnectorCREDENTIALS"])
def test_the_value_of_a_key_that_names_a_secret_is_omitted(key: str) -> None:
    value = {"Tags": [{key: {"very": "private"}, "team": "crm"}]}

    assert without_secrets(value) == {"Tags": [{key: OMITTED, "team": "crm"}]}
