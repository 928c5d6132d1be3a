"""Agreement to the digits printed."""

from decimal import Decimal


def agrees(value: float, printed: str) -> bool:
    """Whether `value`, rounded to the last digit of `printed`, is `printed`."""
    expected = Decimal(printed)
    return Decimal(float(value)).quantize(expected) == expected
