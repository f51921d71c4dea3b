"""What python-dateutil says to a rule, and why where that is something else.

Each entry of `CLASSES` is one way in which it differs: when that can be the cause, and dateutil's answer with that one thing
put right. A difference belongs to a class only if dateutil, put right in it, gives exactly what was expected.
"""

import datetime as real_datetime
import re
from datetime import datetime, time, timedelta
from itertools import chain, zip_longest
from types import SimpleNamespace

import dateutil.rrule as du

import rfc

# It looks for a match up to the last year of Python's calendar, which takes minutes where there is none: here its calendar
# ends with the horizon.
du.datetime = SimpleNamespace(**vars(real_datetime))


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


PLAIN_WEEKS = du._iterinfo


def part(text, name):
    found = re.search(rf"(?:^|;){name}=([^;]*)", text)
    return found and found.group(1)


def without(text, *names):
    return ";".join(piece for piece in text.split(";") if piece.split("=")[0] not in names)


def speaks(text):
    """It knows no RFC 7529 (but SKIP=OMIT says what RFC 5545 says)."""
    return part(text, "SKIP") in (None, "OMIT")


def ask(case, series, put_right, end, most):
    """What dateutil gives: local times, at most so many, before the end (a datetime)."""
    text, start, dated = without(case["rule"], "RSCALE", "SKIP"), series.start, series.dated
    rdates, exdates = series.rdates, series.exdates
    until = part(text, "UNTIL")
    count = None
    if "times of dates" in put_right:
        text = without(text, "BYHOUR", "BYMINUTE")
    if "types" in put_right:
        if until and "T" not in until and not dated:
            text = without(text, "UNTIL") + f";UNTIL={until}T235959"
        fit = (lambda at: datetime.combine(at.date(), time.min if dated else start.time()))
        rdates = [(fit(at) if dated != whole else at, dated) for at, whole in rdates]
        exdates = [(fit(at), dated) if dated and not whole else (at, whole) for at, whole in exdates]
    if "early rdates" in put_right:
        rdates = [(at, whole) for at, whole in rdates if at > start]
    if "mixed days" in put_right:
        widest = 5 if part(text, "FREQ") == "MONTHLY" or part(text, "BYMONTH") else 53
        days = part(text, "BYDAY").split(",")
        days = [f"{n}{day}" for day in days for n in (range(1, widest + 1) if len(day) == 2 else [""])]
        text = without(text, "BYDAY") + ";BYDAY=" + ",".join(days)
    if "week alone" in put_right:
        text += ";BYDAY=" + rfc.WEEKDAYS[start.weekday()]
    begin = start
    if "first week" in put_right:
        begin = start - timedelta(days=(start.weekday() - series.rule.wkst) % 7)
        if not part(text, "BYDAY"):
            text += ";BYDAY=" + rfc.WEEKDAYS[start.weekday()]
    if "start" in put_right or "first week" in put_right:
        text, count = without(text, "COUNT"), series.rule.count
    du._iterinfo = WeeksByTheRfc if "weeks" in put_right else PLAIN_WEEKS
    du.datetime.MAXYEAR = end.year
    # A zone where UNTIL is an instant: then all of them are.
    where = series.zone if until and until.endswith("Z") else None
    with_zone = lambda at: at.replace(tzinfo=where)
    hourly, limit = series.rule.freq == "HOURLY", rfc.as_if_utc(end)
    too_late = lambda at: (rfc.instant(at, series.zone) if hourly else rfc.as_if_utc(at)) >= limit
    try:
        rule = du.rrulestr(text, dtstart=with_zone(begin))
    except ValueError as why:
        # Its word for an hourly rule that never comes to its BYHOUR.
        if "empty set" not in str(why):
            raise
        rule = []

    def bounded():
        given = 0
        if "start" in put_right:
            given = 1
            yield with_zone(start)
        for at in rule:
            if at < with_zone(start) or ("start" in put_right and at == with_zone(start)):
                continue
            given += 1
            if count is not None and given > count or too_late(at.replace(tzinfo=None)):
                return
            yield at

    left_out = {with_zone(at) for at, whole in exdates if not (whole and not dated and "types" in put_right)}
    days_out = {at.date() for at, whole in exdates if whole and not dated and "types" in put_right}
    merged = du.rruleset()
    merged.rrule(bounded())
    for at, _ in rdates:
        if not too_late(at):
            merged.rdate(with_zone(at))
    for at in left_out:
        merged.exdate(at)
    given = []
    for at in merged:
        if at.date() not in days_out:
            given.append(at.replace(tzinfo=None))
            if len(given) == most:
                break
    return given


CLASSES = {
    "start": lambda text, series: True,
    "times of dates": lambda text, series: series.dated and (part(text, "BYHOUR") or part(text, "BYMINUTE")),
    "types": lambda text, series: any(whole != series.dated for _, whole in series.rdates + series.exdates)
    or (not series.dated and series.rule.until and "T" not in series.rule.until),
    "early rdates": lambda text, series: any(at <= series.start for at, _ in series.rdates),
    "mixed days": lambda text, series: len({number != 0 for number, _ in series.rule.days}) == 2,
    "week alone": lambda text, series: series.rule.weeks
    and not (series.rule.days or series.rule.month_days or series.rule.year_days),
    "first week": lambda text, series: series.rule.freq == "WEEKLY" and series.rule.positions,
    "weeks": lambda text, series: series.rule.weeks,
}


def explained_by_hours(series, found, given):
    """An hourly rule steps in elapsed time, and dateutil on the wall: that shows only after the clocks were changed."""
    if rfc.wall(series.origin, series.zone) != series.start:
        return True  # The start is in a gap: what the wall shows then is another time.
    offset = lambda at: rfc.as_if_utc(rfc.wall(at, series.zone)) - at
    for here, theirs in zip_longest([(here, at) for here, _, at in found], given):
        if here is None or here[1] != theirs:
            first = here[0] if here else rfc.instant(theirs, series.zone)
            return any(offset(at) != offset(series.origin) for at in chain(range(series.origin, first, 3_600), [first]))
    return False


def classes(case, series, found, end, most):
    """The classes without which dateutil is not what was expected; none where even all of them don't explain it."""
    expected = [at for _, _, at in found]
    able = [name for name, can in CLASSES.items() if can(case["rule"], series)]
    given = ask(case, series, able, end, most)
    if given != expected:
        hours = series.rule.freq == "HOURLY" and explained_by_hours(series, found, given)
        return ["hours"] if hours else []
    needed = list(able)
    for name in able:
        fewer = [other for other in needed if other != name]
        if ask(case, series, fewer, end, most) == expected:
            needed = fewer
    return needed
