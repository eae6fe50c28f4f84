"""Values and names as messages show them."""

from __future__ import annotations

from typing import Any

import pytest

from bulk_ingestion.wording import did_you_mean, kind, nearest, shown, visible


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        (None, "null"),
        ([], "[]"),
        ("München", '"München"'),
        ({"a": None}, '{"a": null}'),
        ("x" * 100, '"' + "x" * 76 + "..."),
    ],
)
def test_a_value_is_shown_as_json(value: Any, text: str) -> None:
    assert shown(value) == text


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (None, "null"),
        (False, "false"),
        ("a", "a string"),
        (5, "a number"),
        (0.5, "a number"),
        ([], "an array"),
        ({}, "an object"),
    ],
)
def test_the_kind_of_a_value_is_named_in_jsons_words(value: Any, name: str) -> None:
    assert kind(value) == name


OBJECTS = ["Account", "Contact", "Asset"]
FIELDS = ["Id", "CreatedDate", "LastModifiedDate", "LastViewedDate"]


@pytest.mark.parametrize(
    ("word", "known", "found"),
    [
        ("contact", OBJECTS, "Contact"),
        ("Kontakt", OBJECTS, "Contact"),
        ("Leads", ["leads"], "leads"),
        ("LastModified", FIELDS, "LastModifiedDate"),
        ("modified", FIELDS, "LastModifiedDate"),
        ("Case", OBJECTS, None),
        ("Da", FIELDS, None),
        ("", FIELDS, None),
        ("x", [], None),
        (5, FIELDS, None),
    ],
)
def test_the_nearest_name_is_found_in_any_case_or_none(
    word: Any, known: list[str], found: str | None
) -> None:
    assert nearest(word, known) == found


def test_without_a_near_name_all_are_listed() -> None:
    assert did_you_mean("contact", OBJECTS) == "did you mean Contact?"
    assert did_you_mean("Case", OBJECTS) == "it must be one of Account, Contact, Asset"


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("invoice\u202efdp.exe", "invoice[U+202E]fdp.exe"),
        ("\u2066a\u2069 \u200fb\u061c", "[U+2066]a[U+2069] [U+200F]b[U+061C]"),
        ("\x1b[2Jgone\x07\rover", "[U+001B][2Jgone[U+0007][U+000D]over"),
        ("a\u2028b\x85c", "a[U+2028]b[U+0085]c"),
        ("two\r\nlines\n\tand שלום, emoji 👩\u200d🚀", "two\nlines\n\tand שלום, emoji 👩\u200d🚀"),
    ],
)
def test_what_turns_a_text_round_is_shown_as_its_code_point(text: str, seen: str) -> None:
    assert visible(text) == seen
