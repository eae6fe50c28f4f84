"""Ingestion: how the records that flows deliver become objects of a domain, or do not."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import partial
from typing import Any

from moto.sqs.models import sqs_backends

from local.services import simulation
from local.services.entities import featured
from local.services.simulation import Record, ScheduledChange

from .domains import Domain
from .objects import Reason

_log = logging.getLogger(__name__)


class Ingestion:
    """The domains of one account and Region as a destination of flows."""

    def __init__(self, domains: Mapping[str, Domain], account: str, region: str) -> None:
        self._domains = domains
        self._account = account
        self._region = region

    def missing(self, domain: str, object_type: str | None) -> str | None:
        """Say which of a domain and an object type does not exist; None if both exist.

        Whether a template counts as an object type depends on a knob.
        """
        if domain not in self._domains:
            return f"Domain {domain} does not exist."
        known = {None, "_unstructured", *self._domains[domain].object_types}
        if simulation.current.knobs.template_only != "refused":
            known |= featured().keys()
        if object_type not in known:
            return f"Object type {object_type} does not exist in the domain {domain}."
        return None

    def deliver(
        self,
        flow_arn: str,
        properties: Mapping[str, Any],
        records: Iterable[tuple[str, Record]],
        at: datetime,
    ) -> None:
        """Take a flow's records if the flow is an integration for its object type; else drop them.

        ``properties`` are the flow's destination properties, ``records`` pairs of the record's key
        at the source and the record. They become objects as long after ``at`` as a knob says.
        """
        domain = self._domains.get(properties["domainName"])
        integration = domain.integrations.get(flow_arn) if domain else None
        if domain is None or integration is None:
            _log.warning(
                "Flow %s delivers nothing: it is no integration of the domain %s.",
                flow_arn.rpartition("/")[2],
                properties["domainName"],
            )
            return
        object_type = integration.details.get("ObjectTypeName")
        if object_type is None or properties.get("objectTypeName", object_type) != object_type:
            _log.warning(
                "Flow %s delivers nothing: its object type is %s, and that of its integration %s.",
                flow_arn.rpartition("/")[2],
                properties.get("objectTypeName"),
                object_type,
            )
            return
        takes = simulation.current.knobs.ingestion_takes
        ingest = partial(self._ingest, domain, flow_arn, object_type, list(records), at + takes)
        if takes:
            simulation.current.schedule(ScheduledChange(at + takes, ingest))
        else:
            ingest()

    def _ingest(
        self,
        domain: Domain,
        flow_arn: str,
        object_type: str,
        records: list[tuple[str, Record]],
        at: datetime,
    ) -> None:
        knobs = simulation.current.knobs
        if flow_arn not in domain.integrations and knobs.queued_objects == "lost":
            return
        is_template = object_type not in domain.object_types and object_type in featured()
        if is_template and knobs.template_only != "lands":
            return
        for record, reason in domain.put_objects(object_type, records, at):
            if knobs.rejected_objects == "dead-letter queue":
                self._send_to_dead_letters(domain, object_type, record, reason)

    def _send_to_dead_letters(
        self, domain: Domain, object_type: str, record: Record, reason: Reason
    ) -> None:
        """Send an object to the domain's queue; AWS does not document what its messages hold."""
        queue = domain.details.get("DeadLetterQueueUrl", "").rpartition("/")[2]
        queues = sqs_backends[self._account][self._region]
        if queue in queues.queues:
            message = {"ObjectTypeName": object_type, "Reason": reason, "Object": record}
            queues.send_message(queue, json.dumps(message))
