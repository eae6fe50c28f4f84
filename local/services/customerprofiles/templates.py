"""The object type templates of Customer Profiles, one for each featured object."""

from __future__ import annotations

from typing import Any

from local.services import simulation
from local.services.entities import featured

Template = dict[str, Any]

OF_A_TEMPLATE = ("AllowProfileCreation", "SourceLastUpdatedTimestampFormat", "Fields", "Keys")
"""What an object type that is made from a template has from it."""


def template(template_id: str) -> Template | None:
    """Give a template as GetProfileObjectTypeTemplate does; None if there is none."""
    if template_id not in featured():
        return None
    connector_type, entity = featured()[template_id]
    fields = {
        known.name: {
            "Source": f"_source.{known.name}",
            "Target": known.target or f"_profile.Attributes.{known.name}",
            "ContentType": known.content or "STRING",
        }
        for known in entity.fields.values()
        if known.is_retrievable
    }
    hangs_on = entity.template.get("profileKeys", {})
    may_create = not hangs_on or simulation.current.knobs.dependent_templates == "create profiles"
    identifiers = ["UNIQUE", *entity.template["identifiers"], *(["PROFILE"] if may_create else [])]
    keys = {entity.template["keyName"]: [_key([*dict.fromkeys(identifiers)], entity.primary_key)]}
    return {
        "TemplateId": template_id,
        "SourceName": connector_type,
        "SourceObject": entity.name,
        "AllowProfileCreation": may_create,
        "Fields": fields,
        "Keys": keys | {name: [_key(["PROFILE"], of)] for name, of in hangs_on.items()},
    }


def _key(identifiers: list[str], field: str) -> dict[str, list[str]]:
    return {"StandardIdentifiers": identifiers, "FieldNames": [field]}


def templates() -> dict[str, Template]:
    """Give every template by its ID."""
    return {name: found for name in featured() if (found := template(name)) is not None}
