"""The commands: ``python -m local run|serve|watch|inspect``."""

from __future__ import annotations

import argparse
import json
import re
import sys
from datetime import UTC, datetime
from pathlib import Path

_NOT_IN_A_NAME = r"[^A-Za-z0-9._-]"
_SPEED_HELP = "simulated seconds a second, or max for no waiting at all"


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line and carry it out; give the process's exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m local", description="The stack of template.yaml, on this machine."
    )
    commands = parser.add_subparsers(dest="command", required=True)

    run = commands.add_parser("run", help="run one execution and show it")
    run.add_argument("input", type=Path, help="its input, a JSON file such as those in events/")
    run.add_argument(
        "--name", type=_name, help="its name; made from the file's and the time by default"
    )
    run.add_argument("--json", action="store_true", help="print its output and nothing else")
    run.add_argument("--speed", type=_speed, default=120.0, help=f"{_SPEED_HELP} (120)")
    run.add_argument("--picture", type=Path, help="save what is shown as an SVG")
    run.add_argument("--days", type=_days, default=0, help="days that pass after it, in a moment")
    run.add_argument("--faults", type=Path, help="what is to fail, a file as in docs/faults/")

    serve = commands.add_parser("serve", help="deploy the stack and stay up, on loopback")
    serve.add_argument("--port", type=_port, default=4566, help="the port (4566)")
    serve.add_argument("--speed", type=_speed, default=60.0, help=f"{_SPEED_HELP} (60)")

    watch = commands.add_parser("watch", help="show an execution in AWS, or of a server here")
    watch.add_argument("execution_arn", type=_execution_arn, help="the execution's ARN")
    watch.add_argument("--profile", help="the AWS CLI's profile to use")
    watch.add_argument("--region", help="the Region; the ARN's by default")
    watch.add_argument("--endpoint-url", help="http://127.0.0.1:4566 for the embedded cloud")

    inspect = commands.add_parser("inspect", help="show a flow in AWS, or of a server here")
    inspect.add_argument("flow_name", help="the flow's name")
    inspect.add_argument("--profile", help="the AWS CLI's profile to use")
    inspect.add_argument("--region", help="the Region; the profile's by default")
    inspect.add_argument("--endpoint-url", help="http://127.0.0.1:4566 for the embedded cloud")
    inspect.add_argument("--runs", type=_count, default=10, help="how many of its last runs (10)")
    inspect.add_argument("--json", action="store_true", help="print it as JSON")

    given = parser.parse_args(arguments)
    if given.command == "inspect":
        from local.inspection import inspect as inspect_

        return inspect_(
            given.flow_name,
            given.profile,
            given.region,
            given.endpoint_url,
            given.runs,
            given.json,
        )
    if given.command == "serve":
        from local.server import serve as serve_

        return serve_(given.port, given.speed)
    if given.command == "watch":
        from local.watch import watch as watch_

        return watch_(given.execution_arn, given.profile, given.region, given.endpoint_url)
    return _run(parser, given)


def _run(parser: argparse.ArgumentParser, given: argparse.Namespace) -> int:
    from local import faults
    from local.run import run

    try:
        asked_faults = faults.read(given.faults) if given.faults else None
        execution_input = given.input.read_text()
        json.loads(execution_input)
        if given.picture:
            given.picture.touch()
    except OSError as error:
        parser.error(f"{error.filename}: {error.strerror}.")
    except faults.InvalidFaults as error:
        parser.error(f"{given.faults} cannot be used.\n{error}")
    except ValueError as error:
        parser.error(f"{given.input} is not JSON: {error}.")
    stem = re.sub(_NOT_IN_A_NAME, "-", given.input.stem)[:64]
    name = given.name or f"{stem}-{datetime.now(UTC):%Y%m%d-%H%M%S}"
    return run(
        execution_input, name, given.speed, given.json, given.picture, asked_faults, given.days
    )


def _name(text: str) -> str:
    if not text[:1].isalnum() or len(text) > 80 or re.search(_NOT_IN_A_NAME, text):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no name: 1 to 80 letters, digits, dots, dashes and underscores, "
            "of which the first is a letter or a digit"
        )
    return text


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port, 0 (any that is free) to 65535")
    return int(text)


def _execution_arn(text: str) -> str:
    if not re.fullmatch(r"arn:[^:]+:states:[^:]+:\d+:execution:.+", text):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no execution's ARN, arn:aws:states:REGION:ACCOUNT:execution:MACHINE:NAME"
        )
    return text


def _days(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of days, 1 or more")
    return int(text)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 1 or more")
    return int(text)


def _speed(text: str) -> float | None:
    if text == "max":
        return None
    try:
        speed = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is neither a number nor max") from None
    if not 0 < speed < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not more than 0")
    return speed


if __name__ == "__main__":
    sys.exit(main())
