"""Reads a flow's definition: a request of CreateFlow, with members in camelCase."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from local.services.sources import FILE_TIME

Definition = Mapping[str, Any]

WITHOUT_PROFILE = ("S3",)
"""The connector types that need no connector profile."""

PARTS = (
    "description",
    "kmsArn",
    "triggerConfig",
    "sourceFlowConfig",
    "destinationFlowConfigList",
    "tasks",
    "metadataCatalogConfig",
)
"""What DescribeFlow gives back of a request."""


def connector_type(definition: Definition) -> str:
    """Give the source's connector type, such as Servicenow."""
    return str(definition["sourceFlowConfig"]["connectorType"])


def connector_profile(definition: Definition) -> str:
    """Give the source's connector profile; for a source without one, its connector type."""
    config = definition["sourceFlowConfig"]
    return str(config.get("connectorProfileName", config["connectorType"]))


def object_name(definition: Definition) -> str:
    """Name the object that a flow reads; for S3, ``bucket/prefix``."""
    for properties in definition["sourceFlowConfig"]["sourceConnectorProperties"].values():
        if "bucketName" in properties:
            return f"{properties['bucketName']}/{properties.get('bucketPrefix', '')}"
        for key in ("object", "entityName", "objectPath"):
            if key in properties:
                return str(properties[key])
    return ""


def reads_files(definition: Definition) -> bool:
    """Whether the source are files: they need no connector profile, and have their own time."""
    return connector_type(definition) in WITHOUT_PROFILE


def pull_field(definition: Definition) -> str | None:
    """Name the field by which a flow pulls incrementally; for files, it is the file's own time.

    The administrator guide's example of an S3 integration has no ``incrementalPullConfig``, and
    sets ``firstExecutionFrom`` by the "file date".
    """
    return FILE_TIME if reads_files(definition) else datetime_field(definition)


def datetime_field(definition: Definition) -> str | None:
    """Name the field in a flow's ``incrementalPullConfig``."""
    config = definition["sourceFlowConfig"].get("incrementalPullConfig", {})
    name: str | None = config.get("datetimeTypeFieldName")
    return name


def schedule(definition: Definition) -> Mapping[str, Any]:
    """Give the properties of the Scheduled trigger; none for another trigger."""
    trigger = definition["triggerConfig"]
    properties = trigger.get("triggerProperties", {}).get("Scheduled", {})
    return properties if trigger["triggerType"] == "Scheduled" else {}


def is_incremental(definition: Definition) -> bool:
    """Whether a flow pulls only what is new since its last successful pull."""
    return schedule(definition).get("dataPullMode") == "Incremental"


def s3(definition: Definition) -> Mapping[str, Any]:
    """Give the properties of the S3 destination; none for another destination."""
    properties = definition["destinationFlowConfigList"][0]["destinationConnectorProperties"]
    destination: Mapping[str, Any] = properties.get("S3", {})
    return destination


def destination_type(definition: Definition) -> str:
    """Give the destination's connector type, such as CustomerProfiles."""
    return str(definition["destinationFlowConfigList"][0]["connectorType"])


def destination_object(definition: Definition) -> str:
    """Name what a flow writes to: an object type, or a bucket."""
    profiles, bucket = customer_profiles(definition), s3(definition).get("bucketName", "")
    return str(profiles.get("objectTypeName", bucket))


def customer_profiles(definition: Definition) -> Mapping[str, Any]:
    """Give the properties of the Customer Profiles destination; none for another destination."""
    properties = definition["destinationFlowConfigList"][0]["destinationConnectorProperties"]
    destination: Mapping[str, Any] = properties.get("CustomerProfiles", {})
    return destination
