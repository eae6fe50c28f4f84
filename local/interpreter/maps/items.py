"""What a Map's iterations get as their input."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError
from moto.stepfunctions.parser.api import HistoryEventType
from moto.stepfunctions.parser.asl.component.state.exec.state_map.item_reader.eval.resource_eval_s3 import (  # noqa: E501
    ResourceEvalS3,
)

from local.caller import acting_as
from local.interpreter.failures import failure

if TYPE_CHECKING:
    from local.interpreter.patches import Patches


def set_item(frame: Any, index: int, item: Any) -> None:
    """Put an item into the context object: ``$states.context.Map.Item``."""
    frame.states.context_object.context_object_data["Map"] = {
        "Item": {"Index": index, "Value": item}
    }


def item_input(frame: Any, map_input: Any, item: Any, selector: Any) -> Any:
    """Return an iteration's input: the item, or what the ItemSelector makes of it."""
    if selector is None:
        return item
    frame.states.reset(input_value=map_input)
    frame.stack.append(map_input)
    selector.eval(frame)
    return frame.stack.pop()


def read_items_as_the_machine(patches: Patches) -> None:
    """Read items with the machine's role; a failure is ``States.ItemReaderFailed``.

    In moto no role reads them, and a failure is a crash.
    """
    eval_resource = ResourceEvalS3.eval_resource

    def as_the_machine(self: Any, env: Any) -> None:
        try:
            with acting_as(env.aws_execution_details.role_arn):
                eval_resource(self, env)
        except (BotoCoreError, ClientError) as wrong:
            raise failure(
                env, "States.ItemReaderFailed", str(wrong), HistoryEventType.MapRunFailed
            ) from wrong

    patches.put(ResourceEvalS3, "eval_resource", as_the_machine)
