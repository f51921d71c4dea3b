"""What python-dateutil says to a rule, and why where that is something else.

It works on the wall. Its ways to differ have names (`CLASSES`); a difference belongs to those without which dateutil, put
right in all others, does not give exactly what was expected.
"""

import datetime as real_datetime
from datetime import datetime, time, timedelta, timezone
from itertools import chain, islice, takewhile, zip_longest
from types import SimpleNamespace

import dateutil.rrule as du

import rfc

# It looks for a match up to the last year of Python's calendar, which takes minutes where there is none: here its calendar
# ends with the horizon.
du.datetime = SimpleNamespace(**vars(real_datetime))
PLAIN_WEEKS = du._iterinfo


class WeeksByTheRfc(du._iterinfo):
    """BYWEEKNO as section 3.3.10 has it, also in the weeks that two years share."""

    def rebuild(self, year, month):
        anew = year != self.lastyear
        super().rebuild(year, month)
        rule = self.rrule
        if anew and rule._byweekno:
            for day in range(self.yearlen):
                number, weeks = rfc.week(self.yearordinal + day, rule._wkst)
                self.wnomask[day] = int(number in rule._byweekno or number - weeks - 1 in rule._byweekno)


# When a class can be the cause.
CLASSES = {
    "start": lambda series: True,
    "times of dates": lambda series: series.dated and (series.rule.hours or series.rule.minutes),
    "types": lambda series: any(whole != series.dated for _, whole in series.rdates + series.exdates)
    or (not series.dated and series.rule.until and "T" not in series.rule.until),
    "early rdates": lambda series: any(at <= series.start for at, _ in series.rdates),
    "mixed days": lambda series: len({number != 0 for number, _ in series.rule.days}) == 2,
    "week alone": lambda series: series.rule.weeks
    and not (series.rule.days or series.rule.month_days or series.rule.year_days),
    "first week": lambda series: series.rule.freq == "WEEKLY" and series.rule.positions,
    "weeks": lambda series: series.rule.weeks,
}


def speaks(rule):
    """It knows no RFC 7529 (but SKIP=OMIT says what RFC 5545 says)."""
    return rule.skip == "OMIT"


def says(text, series, put_right, end, most):
    """What dateutil gives, put right in some classes: local times, at most so many, before the end (a datetime)."""
    start, dated, rule = series.start, series.dated, series.rule
    parts = dict(part.split("=") for part in text.split(";"))
    parts.pop("RSCALE", None)
    parts.pop("SKIP", None)
    begin, count = start, None
    rdates, exdates, days_out = series.rdates, series.exdates, set()
    own_day = rfc.WEEKDAYS[start.weekday()]
    if "start" in put_right or "first week" in put_right:
        count = parts.pop("COUNT", None) and rule.count
    if "times of dates" in put_right:
        parts.pop("BYHOUR", None)
        parts.pop("BYMINUTE", None)
    if "types" in put_right:
        if rule.until and "T" not in rule.until and not dated:
            parts["UNTIL"] += "T235959"
        if not dated:
            days_out = {at.date() for at, whole in exdates if whole}
            exdates = [one for one in exdates if not one[1]]
        fitting = lambda at: datetime.combine(at.date(), time.min if dated else start.time())
        rdates = [(fitting(at) if dated != whole else at, dated) for at, whole in rdates]
        exdates = [(fitting(at) if dated != whole else at, dated) for at, whole in exdates]
    if "early rdates" in put_right:
        rdates = [(at, whole) for at, whole in rdates if at > start]
    if "mixed days" in put_right:
        numbers = range(1, 6 if rule.freq == "MONTHLY" or rule.months else 54)
        days = parts["BYDAY"].split(",")
        parts["BYDAY"] = ",".join(f"{n}{day}" for day in days for n in (numbers if len(day) == 2 else [""]))
    if "week alone" in put_right:
        parts["BYDAY"] = own_day
    if "first week" in put_right:
        begin = start - timedelta(days=(start.weekday() - rule.wkst) % 7)
        parts.setdefault("BYDAY", own_day)
    du._iterinfo = WeeksByTheRfc if "weeks" in put_right else PLAIN_WEEKS
    du.datetime.MAXYEAR = end.year
    # It takes an instant as UNTIL only where all its times have a zone.
    where = series.zone if rule.until and rule.until.endswith("Z") else None
    with_zone = lambda at: at.replace(tzinfo=where)
    hourly, limit = rule.freq == "HOURLY", rfc.as_if_utc(end)
    too_late = lambda at: (rfc.instant(at, series.zone) if hourly else rfc.as_if_utc(at)) >= limit
    try:
        matching = du.rrulestr(";".join(f"{name}={value}" for name, value in parts.items()), dtstart=with_zone(begin))
    except ValueError as why:
        # Its word for an hourly rule that never comes to its BYHOUR.
        if "empty set" not in str(why):
            raise
        matching = []

    def bounded():
        given = 0
        if "start" in put_right:
            given = 1
            yield with_zone(start)
        for at in matching:
            plain = at.replace(tzinfo=None)
            if plain < start or ("start" in put_right and plain == start):
                continue
            given += 1
            if (count is not None and given > count) or too_late(plain):
                return
            yield at

    merged = du.rruleset()
    merged.rrule(bounded())
    for at, _ in rdates:
        if not too_late(at):
            merged.rdate(with_zone(at))
    for at, _ in exdates:
        merged.exdate(with_zone(at))
    given = []
    for at in merged:
        if at.date() not in days_out:
            given.append(at.replace(tzinfo=None))
            if len(given) == most:
                break
    return given


def in_elapsed_time(series, end, most):
    """What dateutil gives to a plain hourly rule in UTC, where the wall and elapsed time are one; nothing to another rule."""
    rule = series.rule
    lists = (rule.months, rule.year_days, rule.month_days, rule.days, rule.hours, rule.minutes, rule.positions)
    if any(lists) or rule.until or series.rdates or series.exdates:
        return None
    start = datetime.fromtimestamp(series.origin, timezone.utc)
    hours = du.rrule(du.HOURLY, interval=rule.interval, count=rule.count, dtstart=start)
    found = takewhile(lambda at: at < rfc.as_if_utc(end), (int(at.timestamp()) for at in hours))
    return [rfc.wall(at, series.zone) for at in islice(found, most)]


def explained_by_hours(series, found, given, end, most):
    """An hourly rule steps in elapsed time, and dateutil on the wall: that shows only after the clocks were changed."""
    if series.rule.freq != "HOURLY":
        return False
    elapsed = in_elapsed_time(series, end, most)
    if elapsed is not None:
        return elapsed == [at for _, _, at in found]
    if rfc.wall(series.origin, series.zone) != series.start:
        return True  # The start is in a gap: what the wall shows then is another time.
    offset = lambda at: rfc.as_if_utc(rfc.wall(at, series.zone)) - at
    for ours, theirs in zip_longest(found, given):
        if ours is None or ours[2] != theirs:
            first = ours[0] if ours else rfc.instant(theirs, series.zone)
            return any(offset(at) != offset(series.origin) for at in chain(range(series.origin, first, 3_600), [first]))
    return False


def classes(text, series, found, end, most):
    """Of a difference to what was found (place, number, local time); none where none explains it."""
    expected = [at for _, _, at in found]
    needed = [name for name, can in CLASSES.items() if can(series)]
    given = says(text, series, needed, end, most)
    if given != expected:
        return ["hours"] if explained_by_hours(series, found, given, end, most) else []
    for name in list(needed):
        fewer = [other for other in needed if other != name]
        if says(text, series, fewer, end, most) == expected:
            needed = fewer
    return needed
