"""The embedded cloud over HTTP on loopback: AWS's APIs for its clients, ``/local`` for the rest."""

from __future__ import annotations

import json
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from rich.console import Console
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.serving import WSGIRequestHandler, make_server

from local.account import REGION
from local.aws_requests import aws_apis
from local.clock import Clock
from local.cloud import Cloud, embedded_cloud
from local.gate import only_from_here
from local.local_api import local_api
from local.services import simulation

if TYPE_CHECKING:
    from werkzeug.serving import BaseWSGIServer

HOST = "127.0.0.1"
_CREDENTIALS = "AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local"


def serve(port: int, speed: float | None, as_json: bool = False, is_verbose: bool = False) -> int:
    """Deploy the stack and answer until interrupted; give the process's exit code.

    What it says first is for people, or one line of JSON. If it is verbose, each request is a line
    on standard error. SIGINT and SIGTERM end it, and the executions that run.
    """
    console = Console()
    if problem := _unusable(port):
        Console(stderr=True).print(f"Error: {problem}", style="red", soft_wrap=True)
        return 2
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with embedded_cloud(Clock(speed), {"LogLevel": "WARNING"}) as cloud:
            server = _server(cloud, port, _Verbose if is_verbose else _Quiet)
            try:
                welcome = (_facts if as_json else _welcome)(cloud, server.server_port)
                # With no speed, time would race through the schedules while nobody does anything.
                with nullcontext() if speed is None else cloud.living():
                    # Only now: who has read it may end the server, but not while a thread starts
                    console.print(welcome, soft_wrap=True, highlight=False, markup=False)
                    server.serve_forever()
            finally:
                server.server_close()
    except KeyboardInterrupt:
        pass  # also while it is being deployed
    if not as_json:
        console.print("Stopped.")
    return 0


def _unusable(port: int) -> str | None:
    """Say why nothing can listen at a port, before the stack is deployed; None if it can."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except PermissionError:
            return f"port {port} needs more permissions. Use --port with 1024 or more."
        except OSError:
            return (
                f"port {port} is in use, perhaps by another embedded cloud: open "
                f"http://{HOST}:{port}/local/health. Stop it, or use --port 0 for a free port."
            )
    return None


@contextmanager
def serving(cloud: Cloud) -> Iterator[str]:
    """Serve a cloud from a thread of this process, at a free port; gives the endpoint's URL."""
    server = _server(cloud, 0, _Quiet)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://{HOST}:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _server(cloud: Cloud, port: int, handler: type[WSGIRequestHandler]) -> BaseWSGIServer:
    application = only_from_here(DispatcherMiddleware(aws_apis(), {"/local": local_api(cloud)}))
    return make_server(HOST, port, application, threaded=True, request_handler=handler)


class _Dated(WSGIRequestHandler):
    def date_time_string(self, timestamp: float | None = None) -> str:
        """Give the Date header: what time it is on the clock."""
        return super().date_time_string(timestamp or simulation.current.clock.now().timestamp())

    def log_date_time_string(self) -> str:
        """Give the time of a line of the log."""
        return f"{simulation.current.clock.now():%Y-%m-%d %H:%M:%S}"


class _Quiet(_Dated):
    def log_request(self, *_: Any) -> None:
        """Say nothing of requests that were answered."""


class _Verbose(_Dated):
    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say what was asked for, and the status of the answer."""
        what = self.headers.get("X-Amz-Target") or self.path
        sys.stderr.write(f"{self.log_date_time_string()} {self.command} {what} {code}\n")


def _facts(cloud: Cloud, port: int) -> str:
    machine = cloud.stack.state_machine_arn
    return json.dumps({"Endpoint": f"http://{HOST}:{port}", "StateMachineArn": machine})


def _welcome(cloud: Cloud, port: int) -> str:
    endpoint = f"http://{HOST}:{port}"
    aws = f"{_CREDENTIALS} aws --endpoint-url {endpoint} --region {REGION} stepfunctions"
    machine = cloud.stack.state_machine_arn
    return (
        f"The stack is deployed. Its state machine:\n  {machine}\n\n"
        "Start an execution, and show it until it ends:\n"
        f"  .venv/bin/bulk start events/four-lines.json --watch --endpoint {endpoint}\n\n"
        "Or start one with the AWS CLI:\n"
        f"  {aws} start-execution --state-machine-arn {machine} --name first "
        "--input file://events/salesforce-contact.json\n\n"
        f"Listening on {endpoint}; interrupt to stop."
    )
