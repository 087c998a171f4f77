"""What tests have done in a process of its own."""

import os
import time


def doubled(number: int) -> int:
    print("this is no answer")
    return 2 * number


def endless() -> None:
    while True:
        pass


def asleep() -> str:
    time.sleep(0.4)
    return "awake"


def greedy() -> int:
    return len(b"x" * 2**33)


def raises() -> None:
    raise ValueError("so")


def ends() -> None:
    os._exit(3)


def process() -> int:
    return os.getpid()
