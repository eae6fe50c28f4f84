"""The command line, ``bulk``. Each command's module is imported when it is used."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from importlib.metadata import version
from inspect import Parameter, signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer
from typer import Argument, BadParameter, Option

if TYPE_CHECKING:
    from cli.clients import Place

app = typer.Typer(
    help="Bulk ingestion for Amazon Connect Customer Profiles: on this machine, and in AWS.",
    epilog="Exit codes: 0 success; 1 the execution failed, or the domain lacks records; 2 the "
    "command can't be carried out as it was given; 130 interrupted.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
)

_NOT_IN_A_NAME = r"[^A-Za-z0-9._-]"


def main(arguments: list[str] | None = None) -> int:
    """Run the command line. Returns the exit code."""
    try:
        app(arguments, prog_name="bulk")
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"bulk {version('customer-profiles-bulk-ingestion')}")
        raise typer.Exit


@app.callback()
def bulk(
    _: Annotated[
        bool, Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Bulk ingestion for Amazon Connect Customer Profiles: on this machine, and in AWS."""


def _examples(*commands: str) -> str:
    return "\n".join(["\b", "Examples:", *(f"  {command}" for command in commands)])


# How words are read ------------------------------------------------------------------------


def _name(text: str) -> str:
    if not text[:1].isalnum() or len(text) > 80 or re.search(_NOT_IN_A_NAME, text):
        raise BadParameter(
            f"{text!r} is not a name. Use 1 to 80 letters, digits, dots, dashes and underscores, "
            "beginning with a letter or a digit"
        )
    return text


def _execution(text: str) -> str:
    if re.fullmatch(r"arn:[^:]+:states:[^:]+:\d+:execution:[^:/]+:[^:]+", text):
        return text
    if text.startswith("arn:"):
        raise BadParameter(
            f"{text!r} is not the ARN of an execution, such as "
            "arn:aws:states:REGION:ACCOUNT:execution:STACK:NAME"
        )
    return _name(text)


def _number(kind: str, least: int, most: int) -> Any:
    def read(text: str) -> int:
        if not text.isdecimal() or not least <= int(text) <= most:
            limit = f"to {most:,}" if most < 100_000 else "or more"
            raise BadParameter(f"{text!r} is not a {kind}. Use a whole number of {least} {limit}")
        return int(text)

    return read


def _speed(text: str) -> float:
    """Read a speed; 0 stands for ``max``, because an option without a value is None."""
    if text == "max":
        return 0.0
    try:
        speed = float(text)
    except ValueError:
        speed = -1.0
    if not 0 < speed < float("inf"):
        raise BadParameter(f"{text!r} is not a speed. Use a number greater than 0, or max")
    return speed


def _endpoint(text: str) -> str:
    if not re.fullmatch(r"https?://[^/\s]+/?", text):
        raise BadParameter(f"{text!r} is not an endpoint, such as http://127.0.0.1:4566")
    return text.rstrip("/")


def _complete_execution(context: typer.Context, incomplete: str) -> list[str]:
    from cli.clients import Place
    from cli.executions import names

    given = {key: context.params[key] for key in _PLACE if context.params.get(key)}
    try:
        return names(Place(**given), incomplete)
    except Exception:  # a shell that completes a word has no place for an error
        return []


Input = Annotated[str, Argument(metavar="INPUT", help="A JSON file, or - for standard input.")]
Execution = Annotated[
    str | None,
    Argument(
        metavar="[NAME]",
        parser=_execution,
        autocompletion=_complete_execution,
        help="The name or the ARN of an execution. Default: the latest one.",
    ),
]
_PLACE = {
    "stack": Annotated[str, Option(metavar="NAME", envvar="BULK_STACK", help="The stack's name.")],
    "profile": Annotated[str | None, Option(metavar="NAME", help="The AWS CLI profile to use.")],
    "region": Annotated[str | None, Option(metavar="NAME", help="The AWS Region.")],
    "endpoint": Annotated[
        str | None,
        Option(
            "--endpoint",
            "--endpoint-url",
            metavar="URL",
            parser=_endpoint,
            envvar="AWS_ENDPOINT_URL",
            help="http://127.0.0.1:4566 for the embedded cloud.",
        ),
    ],
}
"""The options that say where a stack is."""
AsJson = Annotated[bool, Option("--json", help="Print JSON, and nothing else.")]
Watched = Annotated[bool, Option("--watch", help="Show it until it has ended.")]
Name = Annotated[
    str | None,
    Option(metavar="NAME", parser=_name, help="The execution's name. Default: file and time."),
]
Speed = Annotated[
    str, Option(metavar="N", parser=_speed, help="Simulated seconds per second, or max.")
]


def _read(given: str) -> tuple[str, str]:
    """Read a file or standard input; gives its text, and what to call it."""
    try:
        if given == "-":
            return sys.stdin.read(), "standard input"
        return Path(given).read_text(encoding="utf-8"), given
    except OSError as error:
        raise BadParameter(f"{error.filename}: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise BadParameter(f"{given} is not a text file.") from None


def _read_json(given: str) -> dict[str, Any]:
    text, where = _read(given)
    try:
        value = json.loads(text)
    except ValueError as error:
        raise BadParameter(f"{where} is not JSON: {error}.") from None
    if not isinstance(value, dict):
        raise BadParameter(f"{where} must be a JSON object.")
    return value


@contextmanager
def _explaining() -> Iterator[None]:
    """End a command that can't be carried out with exit code 2, and say why."""
    from botocore.exceptions import BotoCoreError, ClientError

    from cli.clients import CannotDo, explained
    from cli.terminal import problem

    try:
        yield
    except (BotoCoreError, ClientError, CannotDo, OSError) as error:
        problem(explained(error))
        raise typer.Exit(2) from None


# On this machine ---------------------------------------------------------------------------


@app.command(
    epilog=_examples(
        "bulk run events/salesforce-contact.json",
        "bulk run events/four-lines.json --days 30 --faults docs/faults/month.json",
        "bulk run events/four-lines.json --source docs/examples/contacts.csv",
    )
)
def run(
    given: Input,
    name: Name = None,
    speed: Speed = "120",
    days: Annotated[
        str | None,
        Option(
            metavar="N",
            parser=_number("number of days", 1, 3660),
            help="Days to simulate after the execution.",
        ),
    ] = None,
    faults: Annotated[
        Path | None, Option(metavar="FILE", help="What is to fail; docs/faults/ has examples.")
    ] = None,
    source: Annotated[
        Path | None,
        Option(
            metavar="FILE",
            help="The source's records: JSON, by object, or CSV. Without it, they are made up.",
        ),
    ] = None,
    picture: Annotated[
        Path | None, Option(metavar="FILE", help="Save the terminal's contents as SVG.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run one execution on this machine.

    The stack is deployed to an embedded cloud, which ends with the execution. At the end, the
    records at the source are compared with the domain.
    """
    from cli.executions import name_for
    from local.faults import spec

    try:
        asked_faults = spec.read(faults) if faults else None
        text, where = _read(given)
        json.loads(text)
        if picture:
            picture.touch()
    except spec.InvalidFaults as error:
        raise BadParameter(f"{faults} is not valid.\n{error}") from None
    except OSError as error:
        raise BadParameter(f"{error.filename}: {error.strerror}.") from None
    except ValueError as error:
        raise BadParameter(f"{where} is not JSON: {error}.") from None
    from cli.own_input import InvalidSource
    from cli.run import run as run_

    name = name or name_for("stdin" if given == "-" else Path(given).stem)
    try:
        code = run_(
            text, name, _or_max(speed), as_json, picture, asked_faults, int(days or 0), source
        )
    except InvalidSource as error:
        raise BadParameter(str(error)) from None
    raise typer.Exit(code)


@app.command(epilog=_examples("bulk serve", "bulk serve --port 4566 --speed max"))
def serve(
    port: Annotated[
        str,
        Option(metavar="N", parser=_number("port", 0, 65535), help="The port; 0 for a free one."),
    ] = "4566",
    speed: Speed = "60",
    verbose: Annotated[bool, Option("--verbose", help="Log each request.")] = False,
    as_json: AsJson = False,
) -> None:
    """Serve the embedded cloud on this machine.

    The stack is deployed to it. It listens on loopback until it is interrupted.
    """
    from local.server import serve as serve_

    raise typer.Exit(serve_(int(port), _or_max(speed), as_json, verbose))


def _or_max(speed: Any) -> float | None:
    return speed or None


# A stack -----------------------------------------------------------------------------------


def _on_a_stack(
    *examples: str, name: str | None = None
) -> Callable[[Callable[..., int]], Callable[..., None]]:
    """Make a function a command: its first parameter, the place, becomes the options for it.

    What the function returns is the exit code.
    """

    def decorate(function: Callable[..., int]) -> Callable[..., None]:
        @wraps(function)
        def command(**given: Any) -> None:
            from cli.clients import Place

            place = {key: given.pop(key) for key in _PLACE}
            with _explaining():
                raise typer.Exit(function(Place(**place), **given))

        hints = get_type_hints(function, {**globals(), "Place": object}, include_extras=True)
        own = [
            parameter.replace(annotation=hints[parameter.name], kind=Parameter.KEYWORD_ONLY)
            for parameter in list(signature(function).parameters.values())[1:]
        ]
        where = [
            Parameter(
                key,
                Parameter.KEYWORD_ONLY,
                default="bulk-ingestion" if key == "stack" else None,
                annotation=annotation,
            )
            for key, annotation in _PLACE.items()
        ]
        command.__signature__ = signature(command).replace(  # type: ignore[attr-defined]
            parameters=[*own, *where], return_annotation=None
        )
        command.__annotations__ = {each.name: each.annotation for each in (*own, *where)}
        return app.command(name, epilog=_examples(*examples))(command)

    return decorate


@_on_a_stack(
    "bulk plan events/four-lines.json",
    "bulk plan events/four-lines.json --endpoint http://127.0.0.1:4566",
)
def plan(place: Place, given: Input, name: Name = None, as_json: AsJson = False) -> int:
    """Plan an import without running it.

    This shows the windows, the estimate, the warnings, and what would happen to the continuous
    integration.
    """
    return _start(place, given, name, {"DryRun": True}, True, as_json)


@_on_a_stack(
    "bulk start events/four-lines.json --watch",
    "bulk start events/four-lines.json --endpoint http://127.0.0.1:4566",
)
def start(
    place: Place,
    given: Input,
    name: Name = None,
    watch: Watched = False,
    as_json: AsJson = False,
) -> int:
    """Start an execution.

    The input is checked before it is sent.
    """
    return _start(place, given, name, {}, watch, as_json)


def _start(
    place: Place, given: str, name: str | None, more: dict[str, Any], watch: bool, as_json: bool
) -> int:
    from cli import executions

    checked = executions.check(*_read(given)) | more
    stem = "stdin" if given == "-" else Path(given).stem
    name = name or executions.name_for(f"{stem}-plan" if more else stem)
    return executions.start(place, checked, name, watch, as_json)


@_on_a_stack("bulk watch", "bulk watch contacts-2026 --region eu-central-1")
def watch(place: Place, execution: Execution = None, as_json: AsJson = False) -> int:
    """Show an execution until it has ended."""
    from cli import executions

    return executions.watch(place, execution, as_json)


@_on_a_stack("bulk report --open", "bulk report contacts-2026 --json")
def report(
    place: Place,
    execution: Execution = None,
    is_opened: Annotated[bool, Option("--open", help="Open the page in a browser.")] = False,
    as_json: AsJson = False,
) -> int:
    """Fetch the report and its page.

    They are copied to runs/NAME.
    """
    from cli import executions

    return executions.report(place, execution, is_opened, as_json)


@_on_a_stack("bulk redrive --watch", "bulk redrive contacts-2026")
def redrive(
    place: Place, execution: Execution = None, watch: Watched = False, as_json: AsJson = False
) -> int:
    """Run the incomplete windows again.

    This is possible within 14 days. To correct the input, use resume.
    """
    from cli import executions

    return executions.redrive(place, execution, watch, as_json)


@_on_a_stack(
    "bulk resume contacts-2026 --watch", "bulk resume contacts-2026 --corrections corrections.json"
)
def resume(
    place: Place,
    execution: Execution = None,
    corrections: Annotated[
        str | None,
        Option(metavar="FILE", help='What to correct, such as {"FlowDefinition": {...}}.'),
    ] = None,
    watch: Watched = False,
    as_json: AsJson = False,
) -> int:
    """Run the missing windows in a new execution.

    Corrections replace parts of the input.
    """
    from cli import executions

    corrected = _read_json(corrections) if corrections else {}
    return executions.resume(place, execution, corrected, watch, as_json)


@_on_a_stack("bulk stop", 'bulk stop contacts-2026 --cause "The wrong year."')
def stop(
    place: Place,
    execution: Execution = None,
    cause: Annotated[
        str, Option(metavar="TEXT", help="Why; the execution and bulk watch show it.")
    ] = "Stopped with bulk stop.",
    as_json: AsJson = False,
) -> int:
    """Stop an execution.

    Everything that its unfinished windows created is removed.
    """
    from cli import executions

    return executions.stop(place, execution, cause, as_json)


@_on_a_stack("bulk list", "bulk list --running --json", name="list")
def list_executions(
    place: Place,
    number: Annotated[
        str,
        Option(
            "--number",
            metavar="N",
            parser=_number("number of executions", 1, 10_000),
            help="How many to list.",
        ),
    ] = "20",
    is_running: Annotated[bool, Option("--running", help="Only those that run.")] = False,
    as_json: AsJson = False,
) -> int:
    """List the latest executions."""
    from cli import executions

    status = "RUNNING" if is_running else None
    return executions.show_list(place, int(number), status, as_json)


@_on_a_stack(
    "bulk inspect acme-salesforce-contact", "bulk inspect acme-salesforce-contact --runs 50 --json"
)
def inspect(
    place: Place,
    flow: Annotated[str, Argument(metavar="FLOW", help="The flow's name.")],
    runs: Annotated[
        str,
        Option(
            metavar="N",
            parser=_number("number of runs", 1, 100_000),
            help="How many of the latest runs to show.",
        ),
    ] = "10",
    as_json: AsJson = False,
) -> int:
    """Show a flow, its runs, and what to do."""
    from cli.inspection import inspect as inspect_

    return inspect_(place, flow, int(runs), as_json)
