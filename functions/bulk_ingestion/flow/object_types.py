"""The profile object type: which records Customer Profiles stores as its objects, and how long.

https://docs.aws.amazon.com/connect/latest/adminguide/object-type-mapping-troubleshooting.html: an
object is rejected if all fields of its unique key are empty, or of every profile key.
https://docs.aws.amazon.com/connect/latest/adminguide/profile-matching.html: how it finds a profile.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from botocore.exceptions import ClientError

from bulk_ingestion.aws import clients
from bulk_ingestion.aws.gone import unless_gone
from bulk_ingestion.errors import PreflightFailed
from bulk_ingestion.flow.connectors import CONNECTORS
from bulk_ingestion.flow.definitions import Source, destination_fields
from bulk_ingestion.flow.findings import Finding
from bulk_ingestion.flow.target import Target

MISSING = ("ResourceNotFoundException", "BadRequestException")
"""What Customer Profiles answers for a domain, an object type or a template that does not exist."""

MOST_EXPIRATION_DAYS = 1098
OBJECTS_PER_PROFILE = 1000
"""Customer Profiles' service quotas; the second can be raised."""

_IN_TEMPLATE = re.compile(r"_source\.([\w.-]+)")


@dataclass(frozen=True)
class Key:
    """One definition of a key."""

    name: str
    identifiers: frozenset[str]
    fields: tuple[frozenset[str], ...]
    """For each of the key's fields, the fields of the record that its value comes from; none if
    that cannot be read."""

    def is_covered_by(self, mapped: set[str]) -> bool:
        """Whether at least one of its fields has a value if these fields of records are mapped."""
        return any(_is_covered(sources, mapped) for sources in self.fields)

    def lacks(self, mapped: set[str]) -> list[str]:
        """Name the fields that are not mapped."""
        lacking = (sources for sources in self.fields if not _is_covered(sources, mapped))
        return sorted({source for sources in lacking for source in sources})


@dataclass(frozen=True)
class ObjectType:
    """An object type of a domain, or the template that one of its name can be created from."""

    name: str
    details: Mapping[str, Any]
    """What GetProfileObjectType or GetProfileObjectTypeTemplate gives."""
    exists: bool
    """Whether the domain has it."""

    @property
    def template(self) -> str:
        """The template that it was, or would be, created from; its name if there is none."""
        return self.details.get("TemplateId") or self.name

    @property
    def keys(self) -> list[Key]:
        """The definitions of its keys."""
        fields = self.details.get("Fields", {})
        return [
            Key(
                name,
                frozenset(definition.get("StandardIdentifiers", ())),
                tuple(
                    _sources(fields.get(n, {}).get("Source", n)) for n in definition["FieldNames"]
                ),
            )
            for name, definitions in self.details.get("Keys", {}).items()
            for definition in definitions
        ]


def find(domain: str, name: str) -> ObjectType | None:
    """Find an object type, or else the template of its name; None if there is neither.

    AWS does not document whether a type that was created from a template is described with the
    template's keys: where it is not, they are looked up.
    """
    client = clients.customer_profiles()
    details = unless_gone(
        client.get_profile_object_type, gone=MISSING, DomainName=domain, ObjectTypeName=name
    )
    if details and (details.get("Keys") or not details.get("TemplateId")):
        return ObjectType(name, details, exists=True)
    template = unless_gone(
        client.get_profile_object_type_template,
        gone=MISSING,
        TemplateId=details["TemplateId"] if details else name,
    )
    if details or template:
        return ObjectType(name, {**(template or {}), **(details or {})}, exists=bool(details))
    return None


def create(target: Target, tags: Mapping[str, str]) -> None:
    """Create a target's object type from the template of its name; safe to do twice.

    It carries ``tags``. An object type that exists is left as it is. Raises PreflightFailed if AWS
    refuses it.
    """
    known = find(target.domain, target.object_type)
    if known and known.exists:
        return
    source = target.source
    try:
        clients.customer_profiles().put_profile_object_type(
            DomainName=target.domain,
            ObjectTypeName=target.object_type,
            TemplateId=target.object_type,
            Description=f"{source.object} from {source.connector.properties}",
            EncryptionKey=target.flow_definition["KmsArn"],
            Tags={**tags},
        )
    except ClientError as error:
        problem = error.response["Error"]
        if problem["Code"] not in (*MISSING, "AccessDeniedException"):
            raise
        raise PreflightFailed(
            f"ObjectTypeName: domain {target.domain} has no object type {target.object_type}, and "
            f"it could not be created from its template: {problem['Code']}: {problem['Message']} "
            "Create it with PutProfileObjectType, or in the console of Customer Profiles."
        ) from None


def check(
    object_type: ObjectType, target: Target, tasks: list[dict[str, Any]] | None
) -> Iterator[Finding]:
    """Check that an object type is for a target's records, and stores what the tasks map.

    ``tasks`` is None if it is not known what they are.
    """
    source = target.source
    if other := _other_source(object_type, source):
        yield Finding(
            f"ObjectTypeName: {target.object_type} is for {other}, but the flow reads "
            f"{source.object} records from {source.connector.properties}. Use an object type for "
            "those."
        )
    elif tasks and (mapped := destination_fields(tasks)) is not None:
        yield from _check_keys(object_type, mapped)


def _other_source(object_type: ObjectType, source: Source) -> str:
    """Say which source the template of an object type is for, if it is another one."""
    for connector in CONNECTORS.values():
        for object_name, preset in connector.presets.items():
            is_other = connector != source.connector or (
                object_name != source.object and source.object in connector.presets
            )
            if preset.object_type == object_type.template and is_other:
                return f"{object_name} records from {connector.properties}"
    application = object_type.template.partition("-")[0]
    own = (source.connector.type.lower(), source.connector.properties.lower())
    is_of_template = "TemplateId" in object_type.details
    is_other = is_of_template and application.lower() not in own
    return f"records from {application}" if is_other else ""


def _check_keys(object_type: ObjectType, mapped: set[str]) -> Iterator[Finding]:
    unique = [key for key in object_type.keys if "UNIQUE" in key.identifiers]
    of_profiles = [key for key in object_type.keys if "PROFILE" in key.identifiers]
    told = set()
    for keys, does in ((unique, "identifies its objects"), (of_profiles, "finds their profiles")):
        fields = " or ".join(", ".join(key.lacks(mapped)) for key in keys)
        if keys and fields not in told and not any(key.is_covered_by(mapped) for key in keys):
            told.add(fields)
            yield Finding(
                f"FlowDefinition.Tasks: {object_type.name} {does} by "
                f"{' or '.join(key.name for key in keys)}, and no task maps {fields}: Customer "
                f"Profiles would store none of the records. {_map(fields)}"
            )
    for key in unique:
        if key.is_covered_by(mapped) and (lacking := ", ".join(key.lacks(mapped))):
            yield Finding(
                f"FlowDefinition.Tasks: {object_type.name} identifies its objects by {key.name}, "
                f"and no task maps {lacking}: records that differ in nothing else replace each "
                f"other. {_map(lacking)}",
                fatal=False,
            )


def _map(fields: str) -> str:
    return (
        f"Add {fields} to the projection's SourceFields, and a Map task with the DestinationField "
        f"{fields}."
    )


def warnings(
    object_type: ObjectType, domain: Mapping[str, Any], source: Source, reach: timedelta
) -> Iterator[str]:
    """Warn of objects that are rejected, or vanish from a domain, without an error.

    ``domain`` is GetDomain's answer, ``reach`` how far back the import goes.
    """
    preset = source.connector.presets.get(source.object)
    if not object_type.details.get("AllowProfileCreation"):
        makers = " and ".join(
            source.connector.presets[name].object_type
            for name in (preset.profiles_from if preset else ())
        )
        keys = (key.name for key in object_type.keys if "PROFILE" in key.identifiers)
        makers = makers or f"the object types whose objects have the key {' or '.join(keys)}"
        yield (
            f"{object_type.name} creates no profiles (AllowProfileCreation is off): objects that "
            "match no profile are rejected, and go to the domain's dead-letter queue. Import "
            f"{makers} first."
        )
    days = object_type.details.get("ExpirationDays") or domain.get("DefaultExpirationDays")
    if days and reach > timedelta(days=days):
        can_be_raised = days < MOST_EXPIRATION_DAYS
        yield (
            f"{object_type.name}: objects expire {days:,} days after they were put, and the import "
            f"reaches back {reach.days:,} days. Records that do not change again leave the domain "
            f"{days:,} days after the import. "
            + (
                "To keep them for longer, raise the object type's ExpirationDays before the "
                f"import, to {MOST_EXPIRATION_DAYS:,} at most: it does not apply to objects that "
                "are in the domain already."
                if can_be_raised
                else "Customer Profiles allows no more days; to keep them, import them again."
            )
        )
    if preset and preset.many_per_profile:
        yield (
            f"{object_type.name}: a profile can have more than {OBJECTS_PER_PROFILE:,} of these "
            f"objects, and keeps {OBJECTS_PER_PROFILE:,} objects of all types. Each further object "
            'replaces the oldest of its type. To keep more, request a higher quota "Objects per '
            'profile" of Customer Profiles, or import a shorter period.'
        )


def _sources(source: str) -> frozenset[str]:
    """Name the fields of a record that the ``Source`` of an object type's field reads."""
    if "{{" not in source:
        return frozenset([source.removeprefix("_source.")])
    return frozenset(_IN_TEMPLATE.findall(source))


def _is_covered(sources: frozenset[str], mapped: set[str]) -> bool:
    return not sources or any(
        source == name or source.startswith(f"{name}.") or name.startswith(f"{source}.")
        for source in sources
        for name in mapped
    )
