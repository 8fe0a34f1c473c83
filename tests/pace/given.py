"""What the tests of the pace share: a rate, and spans of time."""

from datetime import timedelta

RATE = 30
MINUTE = timedelta(minutes=1)


def seconds(number):
    return timedelta(seconds=number)
