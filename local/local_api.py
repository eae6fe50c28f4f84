"""What a laptop can do and AWS cannot: fill sources, look into domains, skip time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from botocore.exceptions import ClientError
from flask import Flask, jsonify, request
from moto.core.model_instances import reset_model_data
from moto.moto_api._internal.models import moto_api_backend
from werkzeug.exceptions import BadRequest, HTTPException, NotFound

from bulk_ingestion.times import iso
from bulk_ingestion.wording import did_you_mean
from local import strict_json
from local.cloud import Cloud
from local.faults import faults, spec
from local.services.appflow.definitions import WITHOUT_PROFILE
from local.services.entities import epoch_milliseconds
from local.services.sources import Source

_MOST_SECONDS = 366 * 86_400
_A_YEAR = f"Seconds must be a number from 0 to {_MOST_SECONDS:,} (a year)."


def local_api(cloud: Cloud) -> Flask:
    """Answer what is under ``/local``, in JSON."""
    app = Flask(__name__)
    _offer_sources(app, cloud)
    _offer_faults(app)

    @app.errorhandler(HTTPException)
    def refuse(error: HTTPException) -> Any:
        return jsonify({"Message": error.description}), error.code

    @app.get("/health")
    def health() -> Any:
        return jsonify(
            {
                "Status": "OK",
                "Now": iso(cloud.clock.now()),
                "StateMachineArn": cloud.stack.state_machine_arn,
            }
        )

    @app.get("/domains/<domain>/objects/<object_type>")
    def landed(domain: str, object_type: str) -> Any:
        try:
            cloud.client("customer-profiles").get_profile_object_type(
                DomainName=domain, ObjectTypeName=object_type
            )
        except ClientError as error:
            raise NotFound(error.response["Error"]["Message"]) from None
        return jsonify(cloud.services.domain_objects(domain, object_type))

    @app.post("/advance")
    def advance() -> Any:
        body = _body(dict, 'an object such as {"Seconds": 3600}')
        seconds = body.pop("Seconds", None)
        if body:
            raise BadRequest(f"{next(iter(body))} is unknown. {_A_YEAR}")
        if not isinstance(seconds, int | float) or isinstance(seconds, bool):
            raise BadRequest(_A_YEAR)
        if not 0 <= seconds <= _MOST_SECONDS:
            raise BadRequest(_A_YEAR)
        cloud.live(timedelta(seconds=seconds))
        return jsonify({"Now": iso(cloud.clock.now())})

    @app.post("/reset")
    def reset() -> Any:
        empty(cloud)
        return jsonify({"StateMachineArn": cloud.stack.state_machine_arn})

    return app


def _offer_sources(app: Flask, cloud: Cloud) -> None:
    @app.put("/sources/<profile>/<path:name>")
    def load(profile: str, name: str) -> Any:
        source = _source(cloud, profile, name, is_new="create" in request.args)
        records = _body(list, "an array of records")
        if not all(isinstance(record, dict) for record in records):
            raise BadRequest("Every record must be a JSON object.")
        try:
            _check(source, records)
            source.load(records)
        except ValueError as error:
            raise BadRequest(str(error)) from None
        return jsonify({"Records": len(records)})

    @app.get("/sources/<profile>/<path:name>")
    def source(profile: str, name: str) -> Any:
        return jsonify(_source(cloud, profile, name).records())


def _source(cloud: Cloud, profile: str, name: str, is_new: bool = False) -> Source:
    """Find a source. Raises NotFound for an unknown one, unless it is to be a new object."""
    sources = cloud.services.sources
    profiles = cloud.client("appflow").describe_connector_profiles(maxResults=100)
    named = [found["connectorProfileName"] for found in profiles["connectorProfileDetails"]]
    connections = [*named, *WITHOUT_PROFILE]
    if profile not in connections:
        raise NotFound(f"There is no connection {profile}; {did_you_mean(profile, connections)}.")
    objects = sources.names(profile)
    if name not in objects and not is_new:
        raise NotFound(
            f"{profile} has no object {name}; {did_you_mean(name, objects)}. "
            "To create an object, add ?create to the PUT."
        )
    return sources.get(profile, name)


def _check(source: Source, records: Sequence[Mapping[str, Any]]) -> None:
    """Raise ValueError for records that no such source could have: it would never read them."""
    known = source.known
    if known is None:
        return
    keys = set()
    for record in records:
        key = record.get(known.primary_key)
        if key in keys:
            raise ValueError(f"Two records have the {known.primary_key} {key}.")
        keys.add(key)
        for field in known.fields.values():
            value = record.get(field.name)
            if field.is_timestamp and value is not None and epoch_milliseconds(str(value)) is None:
                raise ValueError(f"{value!r:.100} is not a time: {field.name} of the record {key}.")


def _offer_faults(app: Flask) -> None:
    @app.put("/faults")
    def ask_for_faults() -> Any:
        try:
            return jsonify(faults.install(_body(dict, 'an object such as {"Faults": []}')).status())
        except spec.InvalidFaults as wrong:
            return jsonify({"Message": str(wrong), "Problems": wrong.problems}), 400

    @app.get("/faults")
    def show_faults() -> Any:
        return jsonify(faults.status())


def empty(cloud: Cloud) -> None:
    """Stop what runs, forget everything, and deploy the stack again."""
    states = cloud.client("stepfunctions")
    running = states.list_executions(
        stateMachineArn=cloud.stack.state_machine_arn, statusFilter="RUNNING"
    )
    for execution in running["executions"]:
        states.stop_execution(executionArn=execution["executionArn"])
    moto_api_backend.reset()
    reset_model_data()
    faults.clear()
    cloud.services.reset()
    cloud.populate()


def _body(kind: type, what: str) -> Any:
    try:
        body = strict_json.loads(request.get_data())
    except ValueError as wrong:
        raise BadRequest(f"The body must be JSON, {what}: {wrong}.") from None
    if not isinstance(body, kind):
        raise BadRequest(f"The body must be JSON: {what}.")
    return body
