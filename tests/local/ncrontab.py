"""NCRONTAB, the cron expressions of timer triggers. Pure: no clock.

Six fields, seconds first: `{second} {minute} {hour} {day} {month} {day of week}`. Each is a list of
`*`, `a`, `a-b`, any of them with `/step`; months and days of week also by English name. Both day
fields must match (Unix cron takes either).
https://learn.microsoft.com/azure/azure-functions/functions-bindings-timer#ncrontab-expressions
"""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

# A leap day that is also a given day of week comes round within 40 years.
_HORIZON = timedelta(days=366 * 40)


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    lowest: int
    highest: int
    names: tuple[str, ...] = ()  # of lowest, lowest + 1, …

    def parse(self, text: str) -> tuple[int, ...]:
        """The values *text* stands for, in order."""
        values: set[int] = set()
        for part in text.split(","):
            values |= set(self._parse_part(part))
        return tuple(sorted(values))

    def _parse_part(self, part: str) -> range:
        base, slash, step = part.partition("/")
        first, dash, last = base.partition("-")
        if base == "*":
            low, high = self.lowest, self.highest
        else:
            low = self._number(first, part)
            high = self._number(last, part) if dash else (self.highest if slash else low)
        if low > high or (slash and not (step.isdecimal() and int(step) > 0)):
            raise ValueError(f"{self.name}: cannot read {part!r}")
        return range(low, high + 1, int(step) if slash else 1)

    def _number(self, text: str, part: str) -> int:
        if text.isdecimal():
            value = int(text)
        else:
            matching = [i for i, name in enumerate(self.names) if name[:3] == text.lower()[:3]]
            if not matching or not self.names[matching[0]].startswith(text.lower()):
                raise ValueError(f"{self.name}: cannot read {part!r}")
            value = self.lowest + matching[0]
        if not self.lowest <= value <= self.highest:
            raise ValueError(f"{self.name}: {part!r} is not in {self.lowest}-{self.highest}")
        return value


_MONTHS = tuple(name.lower() for name in calendar.month_name[1:])
_DAYS = tuple(name.lower() for name in (calendar.day_name[6], *calendar.day_name[:6]))
_FIELDS = (
    _Field("second", 0, 59),
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day", 1, 31),
    _Field("month", 1, 12, _MONTHS),
    _Field("day of week", 0, 6, _DAYS),
)


@dataclass(frozen=True, slots=True)
class Schedule:
    """The instants an expression stands for, in UTC."""

    seconds: tuple[int, ...]
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: tuple[int, ...]
    months: tuple[int, ...]
    weekdays: tuple[int, ...]

    @classmethod
    def parse(cls, expression: str) -> Schedule:
        """Read *expression*.

        Raises:
            ValueError: It is not NCRONTAB, or stands for no instant at all.
        """
        texts = expression.split()
        if len(texts) != len(_FIELDS):
            raise ValueError(f"{expression!r} has {len(texts)} fields, not six (seconds first)")
        schedule = cls(*(field.parse(text) for field, text in zip(_FIELDS, texts, strict=True)))
        schedule.next_after(datetime(2000, 1, 1, tzinfo=UTC))
        return schedule

    def next_after(self, moment: datetime) -> datetime:
        """The first instant later than *moment*."""
        moment = moment.astimezone(UTC)
        last = moment.date() + _HORIZON
        day = moment.date()
        after: time | None = moment.time()
        while day <= last:
            if self._on(day) and (found := self._first_time(after)):
                return datetime.combine(day, found, UTC)
            day, after = day + timedelta(days=1), None
        raise ValueError(f"no day fits {self}")

    def _on(self, day: date) -> bool:
        return (
            day.month in self.months
            and day.day in self.days
            and day.isoweekday() % 7 in self.weekdays
        )

    def _first_time(self, after: time | None) -> time | None:
        """The first time of day later than *after*; None as argument: of the whole day."""
        hours = [h for h in self.hours if after is None or h >= after.hour]
        times = (time(h, m, s) for h in hours for m in self.minutes for s in self.seconds)
        return next((t for t in times if after is None or t > after), None)
