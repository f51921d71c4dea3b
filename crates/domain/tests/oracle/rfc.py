"""RFC 5545 and RFC 7529 by their text: every day of a period is asked whether it fits. Slow and plain.

Times are naive datetimes of the wall; a series of dates has them at midnight.
"""

from bisect import insort
from calendar import isleap, monthrange
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta, timezone
from functools import lru_cache
from zoneinfo import ZoneInfo

DAY = timedelta(days=1)
WEEKDAYS = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"]
zone = lru_cache(None)(ZoneInfo)


@dataclass
class Rule:
    freq: str
    interval: int = 1
    count: int | None = None
    until: str | None = None
    months: set = field(default_factory=set)
    weeks: set = field(default_factory=set)
    year_days: set = field(default_factory=set)
    month_days: set = field(default_factory=set)
    days: list = field(default_factory=list)
    hours: set = field(default_factory=set)
    minutes: set = field(default_factory=set)
    positions: set = field(default_factory=set)
    wkst: int = 0
    skip: str = "OMIT"


@dataclass
class Series:
    """A rule with its start, RDATE and EXDATE. `origin` is the instant of the start, for hourly rules."""

    rule: Rule
    start: datetime
    dated: bool
    zone: ZoneInfo
    origin: int
    rdates: list
    exdates: list


def parse(text):
    lists = {"BYMONTH": "months", "BYWEEKNO": "weeks", "BYYEARDAY": "year_days", "BYMONTHDAY": "month_days",
             "BYHOUR": "hours", "BYMINUTE": "minutes", "BYSETPOS": "positions"}
    rule = Rule(freq="")
    for part in text.split(";"):
        name, value = part.split("=")
        if name in lists:
            setattr(rule, lists[name], {int(number) for number in value.split(",")})
        elif name == "BYDAY":
            rule.days = [(int(day[:-2] or 0), WEEKDAYS.index(day[-2:])) for day in value.split(",")]
        elif name in ("INTERVAL", "COUNT"):
            setattr(rule, name.lower(), int(value))
        elif name == "WKST":
            rule.wkst = WEEKDAYS.index(value)
        elif name != "RSCALE":
            setattr(rule, name.lower(), value)
    return rule


def local(text):
    """A local time, and whether it is a whole day."""
    return datetime.fromisoformat(text), "T" not in text


def show(at, dated):
    return at.date().isoformat() if dated else at.isoformat(timespec="seconds" if at.second else "minutes")


def instant(at, where):
    """Section 3.3.5: a time that doesn't exist has the offset from before the gap; of one that comes twice, the first is
    meant. That is `fold=0` of PEP 495."""
    return int(at.replace(tzinfo=where, fold=0).timestamp())


def wall(at, where):
    return datetime.fromtimestamp(at, where).replace(tzinfo=None, fold=0)


def as_if_utc(at):
    return int(at.replace(tzinfo=timezone.utc).timestamp())


def overdue(at, dated, where):
    """A date is due at the end of its day."""
    return instant(at + DAY, where) if dated else instant(at, where)


@lru_cache(200_000)
def calendar(ordinal):
    """Year, month, day, day of the year, weekday, and the lengths of month and year."""
    day = date.fromordinal(ordinal)
    length = monthrange(day.year, day.month)[1]
    return (day.year, day.month, day.day, day.timetuple().tm_yday, day.weekday(), length, 365 + isleap(day.year))


@lru_cache(200_000)
def week(ordinal, wkst):
    """The number of the week that a day is in, and how many weeks that week's year has: week 1 is the first with at
    least four days in its year, so a week belongs to the year of its fourth day."""
    fourth = ordinal - (calendar(ordinal)[4] - wkst) % 7 + 3
    year, _, _, nth, *_ = calendar(fourth)
    # The 28th of December is always in the last week.
    last = date(year, 12, 28).toordinal()
    last += 3 - (calendar(last)[4] - wkst) % 7
    return (nth - 1) // 7 + 1, (calendar(last)[3] - 1) // 7 + 1


def completed(rule, start):
    """What the rule doesn't say comes from the start: the last paragraphs of 3.3.10."""
    rule = replace(rule)
    if rule.freq == "WEEKLY" and not rule.days:
        rule.days = [(0, start.weekday())]
    if rule.freq == "MONTHLY" and not (rule.days or rule.month_days):
        rule.month_days = {start.day}
    if rule.freq == "YEARLY" and not (rule.days or rule.month_days or rule.year_days):
        if rule.weeks:
            rule.days = [(0, start.weekday())]
        else:
            rule.month_days = {start.day}
            rule.months = rule.months or {start.month}
    return rule


def day_fits(rule, ordinal):
    year, month, day, nth, weekday, month_len, year_len = calendar(ordinal)
    if rule.months and month not in rule.months:
        return False
    if rule.month_days and day not in rule.month_days and day - month_len - 1 not in rule.month_days:
        return False
    if rule.year_days and nth not in rule.year_days and nth - year_len - 1 not in rule.year_days:
        return False
    if rule.days and not weekday_fits(rule, ordinal):
        return False
    if rule.weeks:
        number, weeks = week(ordinal, rule.wkst)
        return number in rule.weeks or number - weeks - 1 in rule.weeks
    return True


def weekday_fits(rule, ordinal):
    _, _, day, nth, weekday, month_len, year_len = calendar(ordinal)
    if rule.freq == "YEARLY" and not rule.months:
        place, length = nth, year_len
    else:
        place, length = day, month_len
    numbers = (0, (place - 1) // 7 + 1, -((length - place) // 7 + 1))
    for number, wanted in rule.days:
        if weekday == wanted and number in numbers:
            return True
    return False


def periods(rule, start, end):
    """The rule's periods, as ranges of day numbers, up to a year."""
    if rule.freq == "YEARLY":
        for year in range(start.year, end + 1, rule.interval):
            yield range(date(year, 1, 1).toordinal(), date(year, 12, 31).toordinal() + 1)
    elif rule.freq == "MONTHLY":
        for number in range(start.year * 12 + start.month - 1, end * 12 + 12, rule.interval):
            year, month = number // 12, number % 12 + 1
            first = date(year, month, 1).toordinal()
            yield range(first, first + monthrange(year, month)[1])
    else:
        length, first = 1, start.toordinal()
        if rule.freq == "WEEKLY":
            length, first = 7, first - (start.weekday() - rule.wkst) % 7
        for first in range(first, date(end, 12, 31).toordinal() + 1, length * rule.interval):
            yield range(first, first + length)


def skipped(rule, period):
    """RFC 7529, 4.1: what becomes of days that a month doesn't have. Only BYMONTHDAY (or the start's day) makes such days,
    and only where BYWEEKNO and BYYEARDAY, which come before it, have left it days to make."""
    if rule.skip == "OMIT" or rule.freq not in ("MONTHLY", "YEARLY") or rule.weeks or rule.year_days:
        return
    for ordinal in period:
        _, month, day, _, _, length, _ = calendar(ordinal)
        if day == length and (not rule.months or month in rule.months) and any(n > length for n in rule.month_days):
            moved = ordinal + (rule.skip == "FORWARD")
            if not rule.days or weekday_fits(rule, moved):
                yield moved


def picked(rule, candidates):
    if not rule.positions:
        return candidates
    length = len(candidates)
    return [at for n, at in enumerate(candidates) if {n + 1, n - length} & rule.positions]


def by_days(series, end):
    """What the rule gives from the start's period on, in order."""
    rule, start = completed(series.rule, series.start), series.start
    times = [time.min]
    if not series.dated:  # of dates BYHOUR and BYMINUTE are ignored: 3.3.10
        times = sorted(time(hour, minute, start.second)
                       for hour in rule.hours or {start.hour} for minute in rule.minutes or {start.minute})
    waiting = []
    for period in periods(rule, start, end):
        first = datetime.combine(date.fromordinal(period[0]), time.min)
        while waiting and waiting[0] < first:
            yield waiting.pop(0)
        days = {ordinal for ordinal in period if day_fits(rule, ordinal)}
        days.update(skipped(rule, period))
        if not days:
            continue
        candidates = [datetime.combine(date.fromordinal(day), at) for day in sorted(days) for at in times]
        for at in picked(rule, candidates):
            if at not in waiting:
                insort(waiting, at)
    yield from waiting


def by_hours(series, end):
    """Hourly rules step in elapsed time. Instants."""
    rule, where, begin = series.rule, series.zone, series.origin
    shown = wall(begin, where)
    second = shown.second
    if rule.minutes:
        begin -= shown.minute * 60 + second
    fitting = lru_cache(None)(lambda ordinal: day_fits(rule, ordinal))
    stop = as_if_utc(datetime(end, 12, 31)) + 2 * 86_400
    step = rule.interval * 3_600
    while begin < stop:
        first, last = (datetime.fromtimestamp(at, where) for at in (begin, begin + 3_599))
        if not (fitting(first.toordinal()) or fitting(last.toordinal())):
            # On to the hours before the next midnight.
            begin += max(1, ((22 - first.hour) * 3_600) // step) * step
            continue
        steady = first.utcoffset() == last.utcoffset()
        if not (steady and rule.hours and not {first.hour, last.hour} & rule.hours):
            candidates = []
            for at in range(begin + second, begin + 3_600, 60) if rule.minutes else [begin]:
                shown = datetime.fromtimestamp(at, where)
                if ((not rule.minutes or shown.minute in rule.minutes) and (not rule.hours or shown.hour in rule.hours)
                        and fitting(shown.toordinal())):
                    candidates.append(at)
            yield from picked(rule, candidates)
        begin += step


def until_admits(series, at, due):
    until = series.rule.until
    if until is None:
        return True
    if "T" not in until:
        return at.date() <= datetime.strptime(until, "%Y%m%d").date()
    last = datetime.strptime(until.rstrip("Z"), "%Y%m%dT%H%M%S")
    if until.endswith("Z"):
        last = as_if_utc(last)
        return at.date() <= wall(last, series.zone).date() if series.dated else due <= last
    return at.date() <= last.date() if series.dated else at <= last


def place(series, at, dated):
    """Where an RDATE or EXDATE lies: a date among times has the start's time, a time among dates is its date."""
    if series.dated:
        return as_if_utc(datetime.combine(at.date(), time.min))
    if dated:
        at = datetime.combine(at.date(), series.start.time())
    return instant(at, series.zone) if series.rule.freq == "HOURLY" else as_if_utc(at)


def numbered(series, end):
    """The rule's own occurrences, from the start on, which is the first one always: place and number. COUNT and UNTIL end it."""
    hourly, where = series.rule.freq == "HOURLY", series.zone
    first = series.origin if hourly else as_if_utc(series.start)
    yield first, 1
    number = 1
    # No zone's offset is longer than a day: from here on nothing is before UNTIL.
    last = series.rule.until and datetime.strptime(series.rule.until[:8], "%Y%m%d").date() + 2 * DAY
    for at in by_hours(series, end) if hourly else by_days(series, end):
        here = at if hourly else as_if_utc(at)
        if here <= first:
            continue
        if number == series.rule.count:
            return
        shown, due = (wall(at, where), at) if hourly else (at, instant(at, where))
        if last and shown.date() > last:
            return
        if until_admits(series, shown, due):
            number += 1
            yield here, number


def occurrences(series, end):
    """Place, number, local time; in order. A place counts local seconds, or Unix seconds in hourly rules."""
    hourly = series.rule.freq == "HOURLY"
    first = series.origin if hourly else as_if_utc(series.start)
    extra = sorted({place(series, *at) for at in series.rdates}, reverse=True)
    while extra and extra[-1] <= first:
        extra.pop()
    out = {place(series, *at) for at in series.exdates if series.dated or not at[1]}
    out_days = {at.date() for at, dated in series.exdates if dated and not series.dated}
    shown = (lambda at: wall(at, series.zone)) if hourly else (lambda at: wall(at, timezone.utc))

    def all_of_them():
        last = 0
        for here, number in numbered(series, end):
            while extra and extra[-1] < here:
                yield extra.pop(), last
            if extra and extra[-1] == here:
                extra.pop()
            yield here, number
            last = number
        while extra:
            yield extra.pop(), last

    for here, number in all_of_them():
        at = shown(here)
        if here not in out and at.date() not in out_days:
            yield here, number, at


def due(series, here, at):
    return here if series.rule.freq == "HOURLY" else overdue(at, series.dated, series.zone)
