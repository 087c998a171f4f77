"""Column arithmetic written out digit by digit, as the embedded student learned it.

A sum is written `37+48: 7+8+0=15 3+4+1=08 so 85`: least significant column first, each column with
its carry and a two-digit result. Fixed width per column is what lets a model of a million
parameters do exact arithmetic.
"""

from itertools import zip_longest


def add(a: int, b: int) -> str:
    columns, carry = [], 0
    for p, q in _columns(a, b):
        total = p + q + carry
        columns.append(f"{p}+{q}+{carry}={total:02d}")
        carry = total // 10
    return f"{a}+{b}: {' '.join(columns)} so {a + b}"


def subtract(a: int, b: int) -> str:
    """Columns read `digit-digit-borrow=<borrow><digit>`; `a` must not be smaller than `b`."""
    if a < b:
        raise ValueError(f"the scratchpad subtracts downwards only, got {a} - {b}")
    columns, borrow = [], 0
    for p, q in _columns(a, b):
        digit = p - q - borrow
        columns.append(f"{p}-{q}-{borrow}={int(digit < 0)}{digit % 10}")
        borrow = int(digit < 0)
    return f"{a}-{b}: {' '.join(columns)} so {a - b}"


def multiply(a: int, digit: int) -> str:
    columns, carry = [], 0
    for p in _digits(a):
        total = p * digit + carry
        columns.append(f"{p}*{digit}+{carry}={total:02d}")
        carry = total // 10
    return f"{a}*{digit}: {' '.join(columns)} so {a * digit}"


def _digits(n: int) -> list[int]:
    return [int(digit) for digit in reversed(str(n))]


def _columns(a: int, b: int) -> list[tuple[int, int]]:
    return list(zip_longest(_digits(a), _digits(b), fillvalue=0))
