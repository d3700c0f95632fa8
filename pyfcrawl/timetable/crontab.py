"""Crontab lines as cron reads them, counted out by APScheduler.

APScheduler's own reading differs in two things: to it weekday 0 is a Monday, and a line with both a
day of the month and a weekday means both at once. To cron 0 is a Sunday, and either day will do.
"""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.combining import OrTrigger
from apscheduler.triggers.cron import CronTrigger

from pyfcrawl.errors import ConfigurationError

_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_SHORT = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
#: A line that has no time in the ten years from here on (29 February comes twice) has none at all.
_EPOCH, _DECADE = 1_704_067_200, 10 * 366 * 86_400


def zone(name: str) -> tzinfo:
    """The time zone SCHEDULE_TIMEZONE names. Raises ConfigurationError."""
    if name.upper() == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError):  # ZoneInfoNotFoundError is a KeyError
        raise ConfigurationError(
            f"SCHEDULE_TIMEZONE={name!r} is no time zone; give one such as Europe/Berlin, or UTC"
        ) from None


class Crontab:
    """When a line such as `0 2 * * 0` comes; moments are Unix seconds.

    `setting` is where the line stands, for the ConfigurationError when it can't be read.
    """

    def __init__(self, line: str, within: tzinfo, setting: str) -> None:
        self.line = line
        self._zone = within
        try:
            self._trigger = _trigger(_SHORT.get(line.strip().lower(), line).split(), within)
            first = self.first_after(_EPOCH)
        except (ValueError, TypeError) as error:
            reason = " ".join(str(error).split())
            raise ConfigurationError(
                f"{setting}={line!r} is no crontab line ({reason}); give minute, hour, day of "
                "month, month and weekday, such as 0 2 * * 0, or nothing to turn it off"
            ) from None
        if first is None or first > _EPOCH + _DECADE:
            raise ConfigurationError(
                f"{setting}={line!r} never comes; give a day that exists, or nothing to turn it off"
            )

    def first_after(self, moment: int) -> int | None:
        """The first time after a moment."""
        found = self._trigger.get_next_fire_time(
            None, datetime.fromtimestamp(moment + 1, self._zone)
        )
        return int(found.timestamp()) if found else None

    def last_until(self, moment: int, since: int) -> int | None:
        """The last time in `since < time <= moment`, None when there is none.

        APScheduler counts forward only, so it begins near the moment and further back each time.
        """
        back = 60
        while True:
            start = max(since, moment - back)
            found = self.first_after(start)
            if found is not None and found <= moment:
                return self._last_from(found, moment)
            if start == since:
                return None
            back *= 4

    def _last_from(self, time: int, moment: int) -> int:
        while (following := self.first_after(time)) is not None and following <= moment:
            time = following
        return time


def _trigger(fields: list[str], within: tzinfo) -> BaseTrigger:
    if len(fields) != 5:
        raise ValueError(f"it has {len(fields)} fields in the place of five")
    minute, hour, day, month, weekday = fields
    common = {"minute": minute, "hour": hour, "month": month.lower(), "timezone": within}
    weekdays = _weekdays(weekday)
    if day.startswith("*") or weekday.startswith("*"):
        return CronTrigger(day=day, day_of_week=weekdays, **common)
    return OrTrigger([CronTrigger(day=day, **common), CronTrigger(day_of_week=weekdays, **common)])


def _weekdays(field: str) -> str:
    """Cron's weekdays as APScheduler's names of days: `5-7` is `sun,fri,sat`."""
    if field == "*":
        return field
    days: set[int] = set()
    for part in field.lower().split(","):
        span, slash, step = part.partition("/")
        first, dash, last = ("0", "-", "6") if span == "*" else span.partition("-")
        begin = _weekday(first)
        end = _weekday(last) if dash else 6 if slash else begin
        days |= set(range(begin, end + 7 if end < begin else end + 1, _step(step) if slash else 1))
    return ",".join(_WEEKDAYS[day] for day in sorted({day % 7 for day in days}))


def _weekday(text: str) -> int:
    if text in _WEEKDAYS:
        return _WEEKDAYS.index(text)
    if text.isascii() and text.isdigit() and int(text) <= 7:
        return int(text)
    raise ValueError(f"{text!r} is no weekday")


def _step(text: str) -> int:
    if text.isascii() and text.isdigit() and int(text) > 0:
        return int(text)
    raise ValueError(f"{text!r} is no step")
