"""Schedules as people write them, and what is wrong with those that cannot be kept."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.timing import TimingError, read_timing


@pytest.mark.parametrize(
    ("every", "span", "said"),
    [
        ("30m", timedelta(minutes=30), "every 30 minutes"),
        ("6h", timedelta(hours=6), "every 6 hours"),
        ("24 h", timedelta(days=1), "every day"),
        ("1d", timedelta(days=1), "every day"),
        ("2w", timedelta(weeks=2), "every 2 weeks"),
        ("90m", timedelta(minutes=90), "every 90 minutes"),
    ],
)
def test_an_interval_is_read_and_said(every: str, span: timedelta, said: str) -> None:
    timing = read_timing(None, every, "UTC")
    assert (timing.every, str(timing)) == (span, said)


@pytest.mark.parametrize("every", ["", " ", "6", "h", "0h", "-6h", "6x", "6.5h", "1e3h", "999999w9"])
def test_what_is_no_interval_is_refused_with_examples(every: str) -> None:
    if not every:
        assert str(read_timing(None, every, "UTC")) == "by hand"
        return
    with pytest.raises(TimingError, match=r"30m, 6h, 1d or 2w"):
        read_timing(None, every, "UTC")


@pytest.mark.parametrize(
    "cron", ["0 3 * * *", "*/15 * * * *", "0 9-17/2 * * mon-fri", "0 0 1,15 jan,jul 0", "5  4 * * 7"]
)
def test_a_cron_expression_is_kept_with_its_time_zone(cron: str) -> None:
    timing = read_timing(cron, None, "Europe/London")
    assert timing.cron == " ".join(cron.split())
    assert str(timing).endswith("(Europe/London)")


@pytest.mark.parametrize(
    ("cron", "said"),
    [
        ("0 3 * *", "has 4 fields; expected five"),
        ("0 3 * * * *", "has 6 fields"),
        ("every night", "has 2 fields"),
        ("60 3 * * *", "'60' is no minute; expected 0 to 59"),
        ("0 24 * * *", "'24' is no hour"),
        ("0 3 0 * *", "'0' is no day of the month"),
        ("0 3 * 13 *", "'13' is no month"),
        ("0 3 * * funday", "'funday' is no day of the week"),
        ("0 5-3 * * *", "'5-3' is no hour"),
        ("*/0 3 * * *", "'*/0' is no minute"),
        ("0,, 3 * * *", "'' is no minute"),
    ],
)
def test_what_is_no_cron_expression_is_refused_with_the_field_that_is_wrong(cron: str, said: str) -> None:
    with pytest.raises(TimingError) as refused:
        read_timing(cron, None, "UTC")
    assert said in str(refused.value)


@pytest.mark.slow  # it imports Prefect
@given(st.text(alphabet="0123456789*/,-abcdefjmnostu ", max_size=25))
def test_whatever_is_taken_prefect_takes_too(cron: str) -> None:
    try:
        timing = read_timing(cron, None, "UTC")
    except TimingError:
        return
    from prefect.client.schemas.schedules import CronSchedule

    if timing.cron:
        assert CronSchedule(cron=timing.cron, timezone="UTC")


def test_two_schedules_and_an_unknown_zone_are_refused() -> None:
    with pytest.raises(TimingError, match="one schedule"):
        read_timing("0 3 * * *", "6h", "UTC")
    for zone in ("Mars/Olympus", "../etc/passwd", ""):
        with pytest.raises(TimingError, match="no time zone"):
            read_timing("0 3 * * *", None, zone)
