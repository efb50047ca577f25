"""Being asked to stop: the first signal ends a run in order, and those after it change nothing."""

import os
import signal
import threading
from typing import Any

import pytest
from forked import forked
from tables import for_each

from tastyauth.errors import Stopped
from tastyauth.posix import HeldBack, raise_when_stopped

STOPPING = [signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP]


def sent(number: int) -> None:
    os.kill(os.getpid(), number)


@for_each("second", STOPPING)
@for_each("first", STOPPING)
def test_a_second_signal_does_not_disturb_how_the_first_ends_a_run(
    first: signal.Signals, second: signal.Signals
) -> None:
    def act() -> None:
        raise_when_stopped()
        try:
            with HeldBack():
                sent(first)
                print("finished what was on its way")
        except Stopped as stopped:
            sent(second)
            print(f"ended in order with {stopped.exit_code}")

    said = f"finished what was on its way\nended in order with {128 + first}\n"
    assert forked(act) == (0, said)


@for_each("number", STOPPING)
def test_what_the_caller_had_ignored_stays_ignored(number: signal.Signals) -> None:
    """`nohup`, a background job."""

    def act() -> None:
        signal.signal(number, signal.SIG_IGN)
        raise_when_stopped()
        sent(number)
        with HeldBack():
            sent(number)
        sent(number)
        others = [it for it in STOPPING if it != number]
        print(all(callable(signal.getsignal(it)) for it in others))

    assert forked(act) == (0, "True\n")


def test_a_signal_that_is_held_back_takes_effect_at_the_end_whatever_handles_it() -> None:
    def act() -> None:
        came: list[int] = []

        def note(number: int, _: object) -> None:
            came.append(number)

        signal.signal(signal.SIGTERM, note)
        signal.signal(signal.SIGHUP, note)
        with HeldBack():
            sent(signal.SIGTERM)
            sent(signal.SIGHUP)
            print(came)
        print(came == [signal.SIGTERM], signal.getsignal(signal.SIGTERM) is note)
        with HeldBack():
            pass
        print(len(came))

    assert forked(act) == (0, "[]\nTrue True\n1\n")


def test_what_has_no_handler_ends_the_process_once_all_is_done() -> None:
    def act() -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        with HeldBack():
            sent(signal.SIGTERM)
            print("done", flush=True)
        print("never")

    assert forked(act) == (-signal.SIGTERM, "done\n")


def test_in_another_thread_nothing_is_held_back_nor_restored() -> None:
    def act() -> None:
        raise_when_stopped()
        held: list[object] = []

        def work() -> None:
            with HeldBack():
                held.append(signal.getsignal(signal.SIGTERM))

        before = signal.getsignal(signal.SIGTERM)
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        print(held == [before], signal.getsignal(signal.SIGTERM) is before)

    assert forked(act) == (0, "True True\n")


def interrupted_at(step: int) -> None:
    """`HeldBack` entered and left, with an exception at its nth change of a handler."""
    changed = 0

    def failing(number: int, handler: Any) -> object:
        nonlocal changed
        changed += 1
        before = signal.signal(number, handler)
        if changed == step:
            raise KeyboardInterrupt
        return before

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tastyauth.posix.signal", failing)
        try:
            with HeldBack():
                pass
        except KeyboardInterrupt:
            print("interrupted")


@for_each("step", range(1, 9))
def test_an_interruption_on_the_way_in_or_out_leaves_no_signal_held_back(step: int) -> None:
    """A handler of the caller may raise as soon as it is there again."""

    def act() -> None:
        def note(number: int, _: object) -> None:
            print("handled")

        for each in STOPPING:
            signal.signal(each, note)
        interrupted_at(step)
        print({signal.getsignal(it) is note for it in STOPPING})

    assert forked(act) == (0, "interrupted\n{True}\n")
