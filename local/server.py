"""The embedded cloud over HTTP on loopback: AWS's APIs for its clients, ``/local`` for the rest."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError
from flask import Flask, jsonify, request
from moto.core.model_instances import reset_model_data
from moto.moto_api._internal.models import moto_api_backend
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from rich.console import Console
from werkzeug.exceptions import BadRequest, HTTPException, NotFound
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.serving import WSGIRequestHandler, make_server

from bulk_ingestion.times import iso
from local import faults
from local.clock import Clock
from local.cloud import Cloud, embedded_cloud
from local.sources import Source
from local.template import REGION

if TYPE_CHECKING:
    from werkzeug.serving import BaseWSGIServer

HOST = "127.0.0.1"
_CREDENTIALS = "AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local"


def serve(port: int, speed: float | None) -> int:
    """Deploy the stack and answer until interrupted; give the process's exit code."""
    console = Console()
    with embedded_cloud(Clock(speed), {"LogLevel": "WARNING"}) as cloud:
        try:
            server = _server(cloud, port)
        except OSError as error:
            console.print(f"Port {port} cannot be used: {error.strerror}. Try --port.", style="red")
            return 1
        console.print(_welcome(cloud, server.server_port), soft_wrap=True, highlight=False)
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            # With no speed, time would race through the schedules while nobody does anything.
            with nullcontext() if speed is None else cloud.living():
                server.serve_forever()
        except KeyboardInterrupt:
            console.print("Stopped.")
        finally:
            server.server_close()
    return 0


@contextmanager
def serving(cloud: Cloud) -> Iterator[str]:
    """Serve a cloud from a thread of this process, at a free port; gives the endpoint's URL."""
    server = _server(cloud, 0)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://{HOST}:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _server(cloud: Cloud, port: int) -> BaseWSGIServer:
    aws = DomainDispatcherApplication(create_backend_app)
    application = DispatcherMiddleware(aws, {"/local": local_api(cloud)})
    return make_server(HOST, port, application, threaded=True, request_handler=_Quiet)


class _Quiet(WSGIRequestHandler):
    def log_request(self, *_: Any) -> None:
        """Say nothing of requests that were answered."""


def _welcome(cloud: Cloud, port: int) -> str:
    aws = f"{_CREDENTIALS} aws --endpoint-url http://{HOST}:{port} --region {REGION} stepfunctions"
    machine = cloud.stack.state_machine_arn
    execution = machine.replace(":stateMachine:", ":execution:") + ":first"
    return (
        f"The stack is deployed. Its state machine:\n  {machine}\n\n"
        "Start an execution:\n"
        f"  {aws} start-execution --state-machine-arn {machine} --name first "
        "--input file://events/salesforce-contact.json\n\n"
        "Follow it:\n"
        f"  {aws} describe-execution --execution-arn {execution}\n\n"
        f"Listening on http://{HOST}:{port}; interrupt to stop."
    )


def local_api(cloud: Cloud) -> Flask:
    """Give what a laptop can do and AWS cannot: fill sources, look into domains, skip time."""
    app = Flask(__name__)
    _offer_faults(app)

    @app.errorhandler(HTTPException)
    def refuse(error: HTTPException) -> Any:
        return jsonify({"Message": error.description}), error.code

    @app.put("/sources/<profile>/<name>")
    def load(profile: str, name: str) -> Any:
        return jsonify({"Records": _load(cloud.services.sources.get(profile, name))})

    @app.get("/sources/<profile>/<name>")
    def source(profile: str, name: str) -> Any:
        return jsonify(cloud.services.sources.get(profile, name).records())

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
        seconds = _body(dict, 'an object such as {"Seconds": 3600}').get("Seconds")
        if not isinstance(seconds, int | float) or isinstance(seconds, bool) or seconds < 0:
            raise BadRequest("Seconds must be a number, 0 or more.")
        cloud.live(timedelta(seconds=seconds))
        return jsonify({"Now": iso(cloud.clock.now())})

    @app.post("/reset")
    def reset() -> Any:
        empty(cloud)
        return jsonify({"StateMachineArn": cloud.stack.state_machine_arn})

    return app


def _load(source: Source) -> int:
    records = _body(list, "an array of records")
    if not all(isinstance(record, dict) for record in records):
        raise BadRequest("Every record must be a JSON object.")
    try:
        source.load(records)
    except ValueError as error:
        raise BadRequest(str(error)) from None
    return len(records)


def _offer_faults(app: Flask) -> None:
    @app.put("/faults")
    def ask_for_faults() -> Any:
        try:
            return jsonify(faults.install(_body(dict, 'an object such as {"Faults": []}')).told())
        except faults.InvalidFaults as wrong:
            return jsonify({"Message": str(wrong), "Problems": wrong.problems}), 400

    @app.get("/faults")
    def tell_faults() -> Any:
        return jsonify(faults.told())


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
    body = request.get_json(force=True, silent=True)
    if not isinstance(body, kind):
        raise BadRequest(f"The body must be JSON: {what}.")
    return body
