"""Operations on profiles and their objects."""

from __future__ import annotations

import json
from uuid import uuid4

from local import strict_json

from .domains import Answer, Domain
from .exceptions import BadRequestException, ResourceNotFoundException
from .objects import Profile
from .operations import Operations, Request


class ProfileOperations(Operations):
    """Put, find, list and delete profiles and their objects."""

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
