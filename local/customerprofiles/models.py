"""CustomerProfilesBackend class: domains, object types, integrations, and the objects in them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from moto.core.base_backend import BackendDict, BaseBackend
from moto.core.exceptions import ServiceException
from moto.sqs.models import sqs_backends

from bulk_ingestion import api_model
from local import simulation
from local.rest_json import page
from local.simulation import Record
from local.sources import featured

from .exceptions import BadRequestException, ResourceNotFoundException

if TYPE_CHECKING:
    from local.appflow.models import AppflowBackend, Flow

Request = dict[str, Any]
Answer = dict[str, Any]
Item = TypeVar("Item")

_ITEMS_A_PAGE = 100
_PASSED_ON = ("AccessDeniedException", "InternalServerException", "ThrottlingException")
"""AppFlow's errors that come out of PutIntegration as they are; others are bad requests."""


@dataclass
class Integration:
    """A data source of a domain. ``owns_flow``: PutIntegration created the flow."""

    details: Answer
    owns_flow: bool = False


@dataclass
class Objects:
    """The objects of one type in a domain, by unique key, and how often each was put."""

    by_key: dict[str, Record] = field(default_factory=dict)
    puts: Counter[str] = field(default_factory=Counter)
    rejected: int = 0
    """Objects without their key. On AWS they go to the domain's dead-letter queue, if any."""


@dataclass
class Domain:
    """A domain and everything in it."""

    details: Answer
    object_types: dict[str, Answer] = field(default_factory=dict)
    integrations: dict[str, Integration] = field(default_factory=dict)
    objects: dict[str, Objects] = field(default_factory=dict)


class CustomerProfilesBackend(BaseBackend):  # type: ignore[misc]
    """Customer Profiles in one account and Region."""

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.domains: dict[str, Domain] = {}

    def settle(self) -> None:
        """Let the flows deliver what they have to deliver by now."""
        self._appflow.settle()

    # Domains

    def create_domain(self, request: Request) -> Answer:
        """Create a domain."""
        name = request["DomainName"]
        if name in self.domains:
            raise BadRequestException(f"Domain {name} already exists.")
        now = self._now()
        domain = Domain({**request, "CreatedAt": now, "LastUpdatedAt": now})
        self.domains[name] = domain
        return domain.details

    def get_domain(self, request: Request) -> Answer:
        """Describe a domain, with how many objects are in it."""
        domain = self._domain(request["DomainName"])
        objects = [o for kept in domain.objects.values() for o in kept.by_key.values()]
        stats = {
            "ObjectCount": len(objects),
            "ProfileCount": len(objects),
            "MeteringProfileCount": len(objects),
            "TotalSize": sum(len(str(value)) for o in objects for value in o.values()),
        }
        return domain.details | {"Stats": stats}

    def list_domains(self, request: Request) -> Answer:
        """List the domains."""
        details = [domain.details for domain in self.domains.values()]
        items, token = self._page(details, request)
        return {"Items": items, "NextToken": token}

    def update_domain(self, request: Request) -> Answer:
        """Change what the request names; an empty key or queue URL takes it away."""
        domain = self._domain(request["DomainName"])
        merged = domain.details | request | {"LastUpdatedAt": self._now()}
        domain.details = {key: value for key, value in merged.items() if value != ""}
        return domain.details

    def delete_domain(self, request: Request) -> Answer:
        """Delete a domain and everything in it; the flows stay."""
        self._domain(request["DomainName"])
        del self.domains[request["DomainName"]]
        return {"Message": "OK"}

    # Object types

    def put_profile_object_type(self, request: Request) -> Answer:
        """Create or replace an object type; from a template come its fields and keys."""
        domain = self._domain(request["DomainName"])
        name, template_id = request["ObjectTypeName"], request.get("TemplateId")
        if template_id and template_id not in featured():
            raise BadRequestException(f"Template {template_id} does not exist.")
        if not template_id and not request.get("Fields"):
            raise BadRequestException("Either a TemplateId or Fields and Keys must be given.")
        template = _template(template_id) if template_id else {}
        now = self._now()
        created = domain.object_types.get(name, {}).get("CreatedAt", now)
        inherited = {key: template[key] for key in ("Fields", "Keys") if key in template}
        details = inherited | request | {"CreatedAt": created, "LastUpdatedAt": now}
        domain.object_types[name] = details
        return details

    def get_profile_object_type(self, request: Request) -> Answer:
        """Describe an object type."""
        return self._object_type(request)

    def list_profile_object_types(self, request: Request) -> Answer:
        """List a domain's object types."""
        types = list(self._domain(request["DomainName"]).object_types.values())
        items, token = self._page(types, request)
        return {"Items": items, "NextToken": token}

    def delete_profile_object_type(self, request: Request) -> Answer:
        """Delete an object type."""
        self._object_type(request)
        domain = self._domain(request["DomainName"])
        del domain.object_types[request["ObjectTypeName"]]
        return {"Message": "OK"}

    def get_profile_object_type_template(self, request: Request) -> Answer:
        """Describe the template of a featured object."""
        if request["TemplateId"] not in featured():
            raise ResourceNotFoundException(f"Template {request['TemplateId']} does not exist.")
        return _template(request["TemplateId"])

    def list_profile_object_type_templates(self, request: Request) -> Answer:
        """List the templates of the featured objects."""
        items, token = self._page([_template(name) for name in featured()], request)
        return {"Items": items, "NextToken": token}

    def _object_type(self, request: Request) -> Answer:
        types = self._domain(request["DomainName"]).object_types
        name = request["ObjectTypeName"]
        if name not in types:
            raise ResourceNotFoundException(f"Object type {name} does not exist in the domain.")
        return types[name]

    # Integrations

    def put_integration(self, request: Request) -> Answer:
        """Register a data source by its Uri, or create a flow from a FlowDefinition."""
        domain_name = request["DomainName"]
        domain = self._domain(domain_name)
        uri, definition = request.get("Uri"), request.get("FlowDefinition")
        if (uri is None) == (definition is None):
            raise BadRequestException("Exactly one of Uri and FlowDefinition must be given.")
        if uri is None or ":appflow:" in uri:
            if "ObjectTypeName" not in request:
                raise BadRequestException("ObjectTypeName is missing.")
            missing = self.what_is_missing(domain_name, request["ObjectTypeName"])
            if missing:
                raise ResourceNotFoundException(missing)
        self._check_quota(domain, uri)
        if uri is None:
            uri = self._create_flow(request)
            integration = Integration({}, owns_flow=True)
        else:
            self._check_flow(uri, domain_name)
            integration = domain.integrations.get(uri, Integration({}))
        now = self._now()
        integration.details = {
            **{key: value for key, value in request.items() if key != "FlowDefinition"},
            "Uri": uri,
            "CreatedAt": integration.details.get("CreatedAt", now),
            "LastUpdatedAt": now,
            "IsUnstructured": request.get("ObjectTypeName") == "_unstructured"
            or not integration.owns_flow,
        }
        domain.integrations[uri] = integration
        return integration.details

    def get_integration(self, request: Request) -> Answer:
        """Describe an integration, without its flow's definition."""
        return self._integration(request).details

    def list_integrations(self, request: Request) -> Answer:
        """List a domain's integrations, the oldest first."""
        domain = self._domain(request["DomainName"])
        details = [integration.details for integration in domain.integrations.values()]
        items, token = self._page(details, request)
        return {"Items": items, "NextToken": token}

    def list_account_integrations(self, request: Request) -> Answer:
        """List the integrations of one Uri in every domain."""
        details = [
            domain.integrations[request["Uri"]].details
            for domain in self.domains.values()
            if request["Uri"] in domain.integrations
        ]
        items, token = self._page(details, request)
        return {"Items": items, "NextToken": token}

    def delete_integration(self, request: Request) -> Answer:
        """Remove an integration, and its flow as the knob says."""
        self._integration(request)
        flow = self.flow_removed_with(request["DomainName"], request["Uri"])
        del self.domains[request["DomainName"]].integrations[request["Uri"]]
        if flow:
            self._appflow.remove_flow(flow)
        return {"Message": "OK"}

    def flow_removed_with(self, domain: str, uri: str) -> Flow | None:
        """Find the flow that DeleteIntegration would delete, if there is one."""
        integration = self.domains[domain].integrations.get(uri)
        if integration is None:
            return None
        reading = simulation.current.knobs.delete_flow_with_integration
        removes = reading == "always" or (reading == "if it made it" and integration.owns_flow)
        return self._appflow.flow_at(uri) if removes else None

    def _integration(self, request: Request) -> Integration:
        integrations = self._domain(request["DomainName"]).integrations
        if request["Uri"] not in integrations:
            raise ResourceNotFoundException(f"Integration {request['Uri']} does not exist.")
        return integrations[request["Uri"]]

    def _check_quota(self, domain: Domain, uri: str | None) -> None:
        quota = simulation.current.knobs.integrations_per_domain
        if uri not in domain.integrations and len(domain.integrations) >= quota:
            raise BadRequestException(f"The domain has {quota} integrations, the most it may have.")

    def _check_flow(self, uri: str, domain_name: str) -> None:
        if ":appflow:" not in uri:
            return
        flow = self._appflow.flow_at(uri)
        if flow is None:
            raise ResourceNotFoundException(f"Flow {uri} does not exist.")
        if flow.destination.get("domainName") != domain_name:
            raise BadRequestException(f"Flow {uri} does not deliver to the domain {domain_name}.")

    def _create_flow(self, request: Request) -> str:
        """Create the flow of an integration, in AppFlow, with the caller's rights."""
        flow = api_model.respelled("appflow", "CreateFlowRequest", request["FlowDefinition"])
        flow["destinationFlowConfigList"] = [
            {
                "connectorType": "CustomerProfiles",
                "destinationConnectorProperties": {
                    "CustomerProfiles": {
                        "domainName": request["DomainName"],
                        "objectTypeName": request["ObjectTypeName"],
                    }
                },
            }
        ]
        if "Tags" in request:
            flow["tags"] = request["Tags"]
        try:
            return str(self._appflow.create_flow(flow)["flowArn"])
        except ServiceException as error:
            code = error.code if error.code in _PASSED_ON else "BadRequestException"
            raise ServiceException(code, error.message) from error

    # Tags

    def tag_resource(self, request: Request) -> Answer:
        """Add tags to a domain, an object type or an integration."""
        details = self._tagged(request["resourceArn"])
        details["Tags"] = details.get("Tags", {}) | request["tags"]
        return {}

    def untag_resource(self, request: Request) -> Answer:
        """Remove tags."""
        details = self._tagged(request["resourceArn"])
        kept = {k: v for k, v in details.get("Tags", {}).items() if k not in request["tagKeys"]}
        details["Tags"] = kept
        return {}

    def list_tags_for_resource(self, request: Request) -> Answer:
        """Give the tags of a domain, an object type or an integration."""
        return {"tags": self._tagged(request["resourceArn"]).get("Tags", {})}

    def tags_at(self, arn: str) -> Mapping[str, str]:
        """Give the tags of a domain, an object type or an integration; none for what is not."""
        try:
            tags: Mapping[str, str] = self._tagged(arn).get("Tags", {})
        except ResourceNotFoundException:
            return {}
        return tags

    def _tagged(self, arn: str) -> Answer:
        """Find ``arn:…:domains/NAME[/object-types/NAME|/integrations/URI]``."""
        _, _, resource = arn.partition(":domains/")
        name, _, rest = resource.partition("/")
        kind, _, inner = rest.partition("/")
        domain = self._domain(name)
        if not kind:
            return domain.details
        if kind == "object-types":
            return self._object_type({"DomainName": name, "ObjectTypeName": inner})
        return self._integration({"DomainName": name, "Uri": inner}).details

    # The data plane

    def what_is_missing(self, domain: str, object_type: str | None) -> str | None:
        """Say which of a domain and an object type does not exist, if one does not.

        An object type that is named like a template is there without having been put: the
        documentation of PutProfileObject says that the template is used.
        """
        if domain not in self.domains:
            return f"Domain {domain} does not exist."
        known = {None, "_unstructured", *self.domains[domain].object_types, *featured()}
        if object_type not in known:
            return f"Object type {object_type} does not exist in the domain {domain}."
        return None

    def land(
        self, flow_arn: str, destination: Mapping[str, Any], records: Iterable[tuple[str, Record]]
    ) -> None:
        """Put a flow's records, if the flow is an integration for its object type; else nothing.

        ``records`` are pairs of the record's key at the source and the record.
        """
        domain = self.domains.get(destination["domainName"])
        integration = domain.integrations.get(flow_arn) if domain else None
        if domain is None or integration is None:
            return
        object_type = integration.details.get("ObjectTypeName")
        if object_type is None or destination.get("objectTypeName", object_type) != object_type:
            return
        key_fields = self._key_fields(domain, object_type)
        objects = domain.objects.setdefault(object_type, Objects())
        for source_key, record in records:
            values = [record.get(name) for name in key_fields] if key_fields else [source_key]
            if any(value in (None, "") for value in values):
                objects.rejected += 1
                self._bury(domain, record)
                continue
            key = "|".join(str(value) for value in values)
            objects.by_key[key] = dict(record)
            objects.puts[key] += 1

    def _bury(self, domain: Domain, record: Record) -> None:
        """Send an object to the domain's dead-letter queue, if there is one."""
        queue = domain.details.get("DeadLetterQueueUrl", "").rpartition("/")[2]
        queues = sqs_backends[self.account_id][self.region_name]
        if queue in queues.queues:
            queues.send_message(queue, json.dumps(record))

    def _key_fields(self, domain: Domain, object_type: str) -> list[str]:
        """List the object's fields that make up its unique key; none if nothing says so."""
        details = domain.object_types.get(object_type)
        if details is None:
            details = _template(object_type) if object_type in featured() else {}
        fields = details.get("Fields", {})
        for keys in details.get("Keys", {}).values():
            for key in keys:
                if "UNIQUE" in key.get("StandardIdentifiers", []):
                    sources = [fields.get(n, {}).get("Source", n) for n in key["FieldNames"]]
                    return [source.removeprefix("_source.") for source in sources]
        return []

    # What they share

    @property
    def _appflow(self) -> AppflowBackend:
        from local.appflow.models import appflow_backends  # it knows this module, not only we it

        backend: AppflowBackend = appflow_backends[self.account_id][self.region_name]
        return backend

    def _now(self) -> datetime:
        return simulation.current.clock.now()

    def _domain(self, name: str) -> Domain:
        if name not in self.domains:
            raise ResourceNotFoundException(f"Domain {name} does not exist.")
        return self.domains[name]

    def _page(self, items: list[Item], request: Request) -> tuple[list[Item], str | None]:
        return page(
            items,
            request.get("MaxResults", _ITEMS_A_PAGE),
            request.get("NextToken"),
            BadRequestException("The NextToken is invalid."),
        )


def _template(template_id: str) -> Answer:
    connector_type, entity = featured()[template_id]
    fields = {}
    for known in entity.fields.values():
        if known.is_retrievable:
            fields[known.name] = {
                "Source": f"_source.{known.name}",
                "Target": known.target or f"_profile.Attributes.{known.name}",
                "ContentType": known.content or "STRING",
            }
    identifiers = ["UNIQUE", *entity.template["identifiers"]]
    key = {"StandardIdentifiers": identifiers, "FieldNames": [entity.primary_key]}
    return {
        "TemplateId": template_id,
        "SourceName": connector_type,
        "SourceObject": entity.name,
        "AllowProfileCreation": True,
        "Fields": fields,
        "Keys": {entity.template["keyName"]: [key]},
    }


customerprofiles_backends = BackendDict(CustomerProfilesBackend, "customer-profiles")
