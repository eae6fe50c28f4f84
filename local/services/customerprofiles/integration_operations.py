"""Operations on integrations."""

from __future__ import annotations

from moto.core.exceptions import ServiceException

from bulk_ingestion.flow import api_model
from local.services import simulation
from local.services.age import Age
from local.services.appflow.flows import Flow

from .domains import Answer, Domain, Integration
from .exceptions import BadRequestException, ResourceNotFoundException
from .operations import Operations, Request

_PASSED_ON = ("AccessDeniedException", "InternalServerException", "ThrottlingException")
"""AppFlow's errors that PutIntegration passes on as they are; others are bad requests."""
_OF_AN_INTEGRATION = ("GetIntegration", "DeleteIntegration")


class IntegrationOperations(Operations):
    """Register data sources, with or without a flow of their own."""

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
