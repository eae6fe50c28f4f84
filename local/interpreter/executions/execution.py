"""Executions: how they start, end and are redriven."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

from moto.stepfunctions.parser.api import ExecutionStatus, HistoryEventType
from moto.stepfunctions.parser.asl.eval.program_state import ProgramEnded, ProgramError

from local.interpreter.definition import parsing
from local.interpreter.executions.description import status_change
from local.interpreter.executions.environment import environment_of
from local.interpreter.executions.record import ExecutionRecord
from local.interpreter.failures import RUNTIME
from local.interpreter.states.events import add_event, details_key
from local.interpreter.states.frames import resume_at
from local.interpreter.timing import start_thread

_LAST_EVENTS = {
    "SUCCEEDED": "ExecutionSucceeded",
    "FAILED": "ExecutionFailed",
    "ABORTED": "ExecutionAborted",
    "TIMED_OUT": "ExecutionTimedOut",
}

LOG = logging.getLogger(__name__)

StatusListener = Callable[[dict[str, Any]], None]
listeners: list[StatusListener] = []
"""Called with the detail of an Execution Status Change event, for each change."""
running: set[Execution] = set()
"""The executions that run in threads of their own."""


class Execution(ExecutionRecord):
    """An execution, or a child execution of a distributed Map."""

    parent: Execution | None

    # Starting and running ------------------------------------------------------------------

    def start(self) -> None:
        """Run in a new thread."""
        program, _ = parsing.parse(self.state_machine.definition)
        self.begin(again=False)
        self._run_in_a_thread(program)

    def run_here(self, program: Any) -> None:
        """Run a child that has begun, in the thread of its Map Run."""
        self._notify()
        self._run(program)
        with self._lock:
            self.pack()
            self.env = None

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until it has ended and its threads are done, or for so many seconds of real time.

        For a thread that the clock counts, time goes on meanwhile. Return whether it has ended.
        """
        if self.clock.counts_this_thread():
            self.clock.sleep(None, self.finished)
        return self.finished.wait(seconds)

    def redrive(self) -> None:
        """Run again, from the state that failed."""
        program, _ = parsing.parse(self.state_machine.definition)
        self.finished.wait()
        self.begin(again=True)
        self._run_in_a_thread(program)

    def _run_in_a_thread(self, program: Any) -> None:
        with self.clock.at_work():  # no time passes before the thread has started
            self._notify()
            running.add(self)
            start_thread(self.clock, self.exec_arn, lambda: self._run(program))

    def begin(self, again: bool) -> None:
        """Become RUNNING, for the first time or again."""
        self.finished.clear()
        self.reported.clear()
        with self._lock:
            if again:
                self.history.reopen()
                self.redrive_count += 1
                self.redrive_date = self.clock.now()
                self.stop_date = None
                self.error = self.cause = None
            else:
                self.start_date = self.clock.now()
            self.env = environment_of(self)
            if again:
                add_event(self.env, "ExecutionRedriven", {"redriveCount": self.redrive_count})
                if self.failed_in is not None:
                    resume_at(self.env, self.failed_in)
            else:
                details = {
                    "input": json.dumps(self.input_data, separators=(",", ":")),
                    "inputDetails": {"truncated": False},
                    "roleArn": self.role_arn,
                }
                add_event(self.env, "ExecutionStarted", details)
            self.exec_status = ExecutionStatus.RUNNING

    def _run(self, program: Any) -> None:
        try:
            if program.timeout_seconds is not None:
                self.deadline = (
                    self.clock.now().timestamp() + program.timeout_seconds.timeout_seconds
                )
            program.eval(self.env)
            state = self.env._program_state
            if isinstance(state, ProgramEnded):
                self.end("SUCCEEDED", output=self.env.states.get_input())
            elif isinstance(state, ProgramError):
                details = state.error or {}
                self.end("FAILED", details.get("error"), details.get("cause"))
            else:
                self.end("ABORTED")
        except Exception as wrong:  # otherwise the execution would stay RUNNING
            self.end("FAILED", RUNTIME, f"{type(wrong).__name__}: {wrong}")
        finally:
            self.failed_in = None if self.status == "SUCCEEDED" else self.env.entered
            self.reported.wait()  # by the thread that ended it
            running.discard(self)
            self.finished.set()
            self.clock.nudge()

    # The time limit ------------------------------------------------------------------------

    def seconds_left(self) -> float | None:
        """Return the seconds until this execution or a parent times out; None if none does."""
        left = None
        if self.deadline is not None:
            left = self.deadline - self.clock.now().timestamp()
        parents = self.parent.seconds_left() if self.parent is not None else None
        return min((s for s in (left, parents) if s is not None), default=None)

    def check_deadline(self) -> None:
        """Time out if the time is over."""
        if self.parent is not None:
            self.parent.check_deadline()
        if self.deadline is not None and self.clock.now().timestamp() >= self.deadline:
            self.halt("TIMED_OUT", None, None)

    # Ending --------------------------------------------------------------------------------

    def stop(self, stop_date: Any, error: str | None, cause: str | None) -> None:
        """Abort, as StopExecution does."""
        self.halt("ABORTED", error or None, cause or None)

    def halt(self, status: str, error: str | None, cause: str | None) -> None:
        """End the execution where it is, and everything in it."""
        env = self.env  # a child's thread clears it as soon as the child has ended
        if not self.end(status, error, cause):
            return
        if status == "TIMED_OUT":
            env.set_timed_out()
        else:
            if env._program_state is None:
                env.next_state_name = "-"
            env.set_stop(stop_date=self.stop_date, cause=cause, error=error)

    def fail_with_full_history(self) -> None:
        """Fail, because the history has no room for more events.

        Neither Retry nor Catch can prevent that.
        """
        self.halt(
            "FAILED",
            RUNTIME,
            f"The execution reached the maximum number of history events ({self.most_events}).",
        )

    def end(
        self, status: str, error: str | None = None, cause: str | None = None, output: Any = None
    ) -> bool:
        """Record how the execution ended; return False if it had ended before."""
        with self._lock:
            if self.exec_status != ExecutionStatus.RUNNING:
                return False
            self.stop_date = self.clock.now()
            self.error, self.cause, self.output = error, cause, output
            details: dict[str, Any] = {
                key: value for key, value in (("error", error), ("cause", cause)) if value
            }
            if status == "SUCCEEDED":
                details = {
                    "output": json.dumps(output, separators=(",", ":")),
                    "outputDetails": {"truncated": False},
                }
            kind = _LAST_EVENTS[status]
            self.history.close_with(
                self.env.event_history_context,
                HistoryEventType(kind),
                {details_key(kind): details},
            )
            self.exec_status = ExecutionStatus(status)
        self._notify()
        self.reported.set()
        return True

    def _notify(self) -> None:
        detail = status_change(self)
        for listener in list(listeners):
            try:
                listener(detail)
            except Exception:  # a listener's failure is not the execution's
                LOG.exception("A listener failed on the status of %s", self.exec_arn)
