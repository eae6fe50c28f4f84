"""CustomerProfilesBackend class: operations on domains, object types and tags, and all others."""

from __future__ import annotations

from collections.abc import Mapping

from moto.core.base_backend import BackendDict

from local.services.age import Age

from .domains import Answer, Domain
from .exceptions import BadRequestException, ResourceNotFoundException
from .object_types import problem
from .operations import Request
from .profile_operations import ProfileOperations
from .templates import OF_A_TEMPLATE, template, templates
from .workflow_operations import WorkflowOperations


class CustomerProfilesBackend(ProfileOperations, WorkflowOperations):
    """Customer Profiles in one account and Region."""

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


customerprofiles_backends = BackendDict(CustomerProfilesBackend, "customer-profiles")
