"""What follows a completed occurrence, by the design's text.

Basis due: the next is the first later than the completed one and not in the past (date-only: not before today), and the
answer says how many were passed over. Basis completion: counted from the completion, at the due's wall time.
"""

from dataclasses import replace
from datetime import datetime, time

import rfc


def by_due(series, occurrences, completed, now):
    """`completed` is a place. Place, number, local time and how many were passed over; nothing where none comes."""
    today = rfc.wall(now, series.zone).date()
    passed_over = 0
    for here, number, at in occurrences:
        if here <= completed:
            continue
        if (at.date() < today) if series.dated else (rfc.due(series, here, at) < now):
            passed_over += 1
        else:
            return here, number, at, passed_over
    return None


def by_completion(series, completed, completed_number, now, end):
    """The rule as if it began with the completion; of an hourly one, with its minute."""
    number = completed_number + 1
    if series.rule.count is not None and number > series.rule.count:
        return None
    minute = now // 60 * 60
    start = rfc.wall(minute, series.zone)
    if series.dated:
        start = datetime.combine(start.date(), time.min)
    elif series.rule.freq != "HOURLY":
        start = datetime.combine(start.date(), series.start.time())
    anew = replace(series, rule=replace(series.rule, count=None), start=start, origin=minute)
    first = minute if series.rule.freq == "HOURLY" else rfc.as_if_utc(start)
    for here, _, at in rfc.occurrences(anew, end.year):
        if here > first and here > completed:
            return here, number, at, 0
    return None
