"""CustomerProfilesBackend class: operations on domains, object types and integrations."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeVar
from uuid import uuid4

from moto.core.base_backend import BackendDict, BaseBackend
from moto.core.exceptions import ServiceException

from bulk_ingestion.flow import api_model
from local import strict_json
from local.services import simulation
from local.services.age import Age
from local.services.appflow.flows import Flow
from local.services.appflow.models import AppflowBackend, appflow_backends
from local.services.rest_json import page

from .domains import Answer, Domain, Integration
from .exceptions import BadRequestException, ResourceNotFoundException
from .ingestion import Ingestion
from .object_types import problem
from .objects import Profile
from .templates import OF_A_TEMPLATE, template, templates

Request = dict[str, Any]
Item = TypeVar("Item")

_ITEMS_A_PAGE = 100
_PASSED_ON = ("AccessDeniedException", "InternalServerException", "ThrottlingException")
"""AppFlow's errors that PutIntegration passes on as they are; others are bad requests."""
_OF_AN_INTEGRATION = ("GetIntegration", "DeleteIntegration")


class CustomerProfilesBackend(BaseBackend):  # type: ignore[misc]
    """Customer Profiles in one account and Region."""

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.domains: dict[str, Domain] = {}
        self.ingestion = Ingestion(self.domains, account_id, region_name)

    def settle(self) -> None:
        """Let the flows deliver what is due."""
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
        return domain.details | {"Stats": domain.statistics()}

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
        """Create or replace an object type; a template decides what the request may not then.

        The API reference: a request with a TemplateId and one of the attributes that come from the
        template "may return a BadRequestException".
        """
        domain = self._domain(request["DomainName"])
        name, template_id = request["ObjectTypeName"], request.get("TemplateId")
        source = template(template_id) if template_id else {}
        if source is None:
            raise BadRequestException(f"Template {template_id} does not exist.")
        if not template_id and not request.get("Fields"):
            raise BadRequestException("Either a TemplateId or Fields and Keys must be given.")
        if not template_id and (wrong := problem(request.get("Keys", {}), request["Fields"])):
            raise BadRequestException(wrong)
        if source and (both := [key for key in OF_A_TEMPLATE if key in request]):
            raise BadRequestException(f"{', '.join(both)} cannot be given with a TemplateId.")
        now = self._now()
        created = domain.object_types.get(name, {}).get("CreatedAt", now)
        defaults = {
            "AllowProfileCreation": False,
            "ExpirationDays": domain.details["DefaultExpirationDays"],
            **{key: source[key] for key in OF_A_TEMPLATE if key in source},
        }
        details = defaults | request | {"CreatedAt": created, "LastUpdatedAt": now}
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
        found = template(request["TemplateId"])
        if found is None:
            raise ResourceNotFoundException(f"Template {request['TemplateId']} does not exist.")
        return found

    def list_profile_object_type_templates(self, request: Request) -> Answer:
        """List the templates of the featured objects."""
        items, token = self._page(list(templates().values()), request)
        return {"Items": items, "NextToken": token}

    def _object_type(self, request: Request) -> Answer:
        types = self._domain(request["DomainName"]).object_types
        name = request["ObjectTypeName"]
        if name not in types:
            raise ResourceNotFoundException(f"Object type {name} does not exist in the domain.")
        return types[name]

    # Profiles and their objects

    def put_profile_object(self, request: Request) -> Answer:
        """Store an object, and the profile that it makes."""
        domain = self._domain(request["DomainName"])
        name = request["ObjectTypeName"]
        if missing := self.ingestion.missing(request["DomainName"], name):
            raise ResourceNotFoundException(missing)
        try:
            record = strict_json.loads(request["Object"])
        except ValueError as wrong:
            raise BadRequestException(f"Object is not JSON: {wrong}.") from None
        if not isinstance(record, dict):
            raise BadRequestException("Object must be a JSON object.")
        unique = domain.object_type(name).unique
        key = unique.value(record) if unique else uuid4().hex
        for _, reason in domain.put_objects(name, [(key, record)], self._now()):
            raise BadRequestException(f"The object is not stored: it has {reason}.")
        return {"ProfileObjectUniqueKey": key}

    def delete_profile_object(self, request: Request) -> Answer:
        """Delete an object of a profile, and the profile with its last one."""
        domain, name = self._domain(request["DomainName"]), request["ObjectTypeName"]
        place = name, request["ProfileObjectUniqueKey"]
        if place not in self._profile(domain, request["ProfileId"]).places:
            raise ResourceNotFoundException(f"Object {place[1]} does not exist in the profile.")
        domain.objects.delete(*place)
        return {"Message": "OK"}

    def delete_profile(self, request: Request) -> Answer:
        """Delete a profile and its objects."""
        domain = self._domain(request["DomainName"])
        for place in list(self._profile(domain, request["ProfileId"]).places):
            domain.objects.delete(*place)
        return {"Message": "OK"}

    def list_profile_objects(self, request: Request) -> Answer:
        """List a profile's objects of one type, the oldest first."""
        domain, name = self._domain(request["DomainName"]), request["ObjectTypeName"]
        asked = request.get("ObjectFilter", {"KeyName": "", "Values": []})
        keys = [key for key in domain.object_type(name).keys if key.name == asked["KeyName"]]
        if asked["KeyName"] and not keys:
            raise BadRequestException(f"{name} has no key {asked['KeyName']}.")
        profile = self._profile(domain, request["ProfileId"])
        found = [
            {
                "ObjectTypeName": name,
                "ProfileObjectUniqueKey": unique,
                "Object": json.dumps(record),
            }
            for of_type, unique, record in domain.objects.of_profile(profile)
            if of_type == name
            and (not keys or any(key.value(record) in asked["Values"] for key in keys))
        ]
        items, token = self._page(found, request)
        return {"Items": items, "NextToken": token}

    def search_profiles(self, request: Request) -> Answer:
        """Find profiles by the values of up to five keys: of all of them, or with OR of any."""
        domain = self._domain(request["DomainName"])
        asked = [
            {"KeyName": request["KeyName"], "Values": request["Values"]},
            *request.get("AdditionalSearchKeys", []),
        ]
        found = []
        for key in asked:
            profiles = domain.search(key["KeyName"], key["Values"])
            if profiles is None:
                raise BadRequestException(f"No object type has a key {key['KeyName']}.")
            found.append(profiles)
        by_any = request.get("LogicalOperator") == "OR"
        chosen = set.union(*found) if by_any else set.intersection(*found)
        ids, token = self._page(sorted(chosen), request)
        items = [
            {
                **(domain.profile(profile) or {}),
                "FoundByItems": [
                    key for key, profiles in zip(asked, found, strict=True) if profile in profiles
                ],
            }
            for profile in ids
        ]
        return {"Items": items, "NextToken": token}

    def batch_get_profile(self, request: Request) -> Answer:
        """Describe profiles by their IDs; those that do not exist are errors of the answer."""
        domain = self._domain(request["DomainName"])
        found = {name: domain.profile(name) for name in request["ProfileIds"]}
        errors = [
            {
                "Code": "RESOURCE_NOT_FOUND",
                "Message": f"Profile {name} does not exist.",
                "ProfileId": name,
            }
            for name, profile in found.items()
            if profile is None
        ]
        return {"Profiles": [profile for profile in found.values() if profile], "Errors": errors}

    def _profile(self, domain: Domain, profile_id: str) -> Profile:
        profiles = domain.objects.profiles()
        if profile_id not in profiles:
            raise ResourceNotFoundException(f"Profile {profile_id} does not exist.")
        return profiles[profile_id]

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
            missing = self.ingestion.missing(domain_name, request["ObjectTypeName"])
            if missing:
                raise ResourceNotFoundException(missing)
        self._check_quota(domain, uri)
        now = self._now()
        if uri is None:
            uri = self._create_flow(request)
            integration = Integration({}, Age(now), owns_flow=True)
        else:
            self._check_flow(uri, domain_name)
            integration = domain.integrations.get(uri, Integration({}, Age(now)))
        integration.details = {
            **{key: value for key, value in request.items() if key != "FlowDefinition"},
            "Uri": uri,
            "CreatedAt": integration.age.created_at,
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
        knobs = simulation.current.knobs
        details = [
            integration.details
            for integration in domain.integrations.values()
            if (request.get("IncludeHidden") or not integration.is_hidden(knobs))
            and not integration.age.is_young(knobs.young_lists, "ListIntegrations")
        ]
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

    def refuse_young(self, operation: str, request: Request) -> None:
        """Raise an error for an operation that names a flow or an integration that is too young."""
        domain, uri = self.domains.get(request.get("DomainName", "")), request.get("Uri", "")
        action = f"profile:{operation}"
        if operation == "PutIntegration" and (flow := self._appflow.flow_at(uri)):
            self._appflow.refuse_young_flow(flow, action, "BadRequestException")
        elif operation in _OF_AN_INTEGRATION and domain and uri in domain.integrations:
            domain.integrations[uri].age.refuse_if_young(
                simulation.current.knobs.young_integrations,
                action,
                uri,
                f"Integration {uri} does not exist.",
                "BadRequestException",
            )

    def _integration(self, request: Request) -> Integration:
        integrations = self._domain(request["DomainName"]).integrations
        if request["Uri"] not in integrations:
            raise ResourceNotFoundException(f"Integration {request['Uri']} does not exist.")
        return integrations[request["Uri"]]

    def _check_quota(self, domain: Domain, uri: str | None) -> None:
        knobs = simulation.current.knobs
        quota = knobs.integrations_per_domain
        if uri not in domain.integrations and len(domain.integrations) >= quota:
            message = knobs.full_domain_message.replace("{quota}", str(quota))
            raise ServiceException(knobs.full_domain_error, message)

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

    def age_of(self, arn: str) -> Age | None:
        """Give the age of an integration by its ARN; None for anything else."""
        name, _, uri = arn.partition(":domains/")[2].partition("/integrations/")
        domain = self.domains.get(name)
        return domain.integrations[uri].age if domain and uri in domain.integrations else None

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

    # What the operations share

    @property
    def _appflow(self) -> AppflowBackend:
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


customerprofiles_backends = BackendDict(CustomerProfilesBackend, "customer-profiles")
