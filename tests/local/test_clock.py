"""The clock of the embedded cloud: time that can be skipped, in order."""

from __future__ import annotations

import random
import threading
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from local.clock import Clock
from local.interpreter.timing import start_thread

START = datetime(2026, 11, 23, 22, tzinfo=UTC)


def test_time_stands_still_while_a_thread_works() -> None:
    clock = Clock(start=START)
    assert clock.now() == START


def test_a_sleep_takes_simulated_time_alone() -> None:
    clock = Clock(start=START)
    with clock.at_work():
        assert clock.sleep(86_400)
    assert clock.now() == START + timedelta(days=1)


def test_sleepers_wake_in_the_order_of_their_times() -> None:
    clock = Clock(start=START)
    woken: list[tuple[int, datetime]] = []

    def sleeper(hours: int) -> None:
        clock.sleep(hours * 3600)
        woken.append((hours, clock.now()))

    with clock.at_work():
        threads = [start_thread(clock, str(hours), partial(sleeper, hours)) for hours in (3, 1, 2)]
        with clock.waiting():
            for thread in threads:
                thread.join()
    assert woken == [(hours, START + timedelta(hours=hours)) for hours in (1, 2, 3)]


def test_a_sleep_can_be_interrupted() -> None:
    clock = Clock(speed=1, start=START)
    interrupted = threading.Event()
    answers: list[bool] = []
    thread = threading.Thread(target=lambda: answers.append(clock.sleep(86_400, interrupted)))
    thread.start()
    interrupted.set()
    clock.nudge()
    thread.join(timeout=10)
    assert answers == [False]


def test_time_can_be_advanced_explicitly() -> None:
    clock = Clock(speed=1e-9, start=START)
    assert clock.advance(3600) - START >= timedelta(hours=1)


def test_a_speed_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="more than 0"):
        Clock(speed=0)


def orders(dice: random.Random | None) -> set[str]:
    """Run three threads that each wait once, many times; give the orders of what they did."""
    found = set()
    for _ in range(20):
        clock = Clock(start=START)
        clock.dice = dice
        done: list[str] = []

        def work(name: str, clock: Clock = clock, done: list[str] = done) -> None:
            done.append(name)
            clock.give_way()
            done.append(name)
            clock.sleep(60)
            done.append(name)

        with clock.at_work():
            threads = [start_thread(clock, name, partial(work, name)) for name in "abc"]
            with clock.waiting():
                for thread in threads:
                    thread.join()
        found.add("".join(done))
    return found


def test_threads_take_turns_so_that_what_happens_does_not_depend_on_the_machine() -> None:
    assert orders(None) == {"aabbccabc"}


def test_the_order_of_turns_is_drawn_and_can_be_drawn_again() -> None:
    drawn = orders(random.Random(1))
    assert len(drawn) > 5
    assert orders(random.Random(1)) == drawn


def test_a_thread_that_waits_for_another_in_real_time_does_not_stop_the_clock_for_good(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("local.clock._STALLED_AFTER", 0.01)
    clock = Clock(start=START)
    woken = threading.Event()

    def sleep() -> None:
        clock.sleep(60)
        woken.set()

    def wait() -> None:
        woken.wait()

    with clock.at_work():
        threads = [
            start_thread(clock, "sleeps", sleep),
            start_thread(clock, "waits", wait),
        ]
        with clock.waiting():
            for thread in threads:
                thread.join(10)
    assert clock.now() == START + timedelta(seconds=60)
