"""Requests and answers.

First a line `{"tzdata": RELEASE, "zones": [NAME…]}`. Then for each line of requests one line of answers, both lists:

- `{"zone", "begin", "end"}`: the changes of offset between two instants,
  `[[instant, before, after, [instants of the local times around it]]…]`
- `{"rule", "start", "zone", "rdates", "exdates", "end", "most", "done"}`: `occurrences`, at most so many before the day
  `end`, as `[number, local, due]`; `asked`: whether dateutil can speak to it; `dateutil`: what it says where that is
  something else; `classes`: why;
  `due`, `completion`: for each `[n-th of them, instant]` of `done` what follows with either basis, `[number, local, due,
  passed over]`, null where nothing does before `end`.

A line is read whole before it is answered, so neither side waits for the other with a full pipe.
"""

import json
import sys
from copy import copy
from datetime import datetime
from itertools import islice, takewhile, tee

import completion
import rfc
import voices
import zones


def series_of(case):
    start, dated = rfc.local(case["start"])
    where = rfc.zone(case["zone"])
    return rfc.Series(
        rule=rfc.parse(case["rule"]), start=start, dated=dated, zone=where, origin=rfc.instant(start, where),
        rdates=[rfc.local(at) for at in case["rdates"]], exdates=[rfc.local(at) for at in case["exdates"]])


def compare(case):
    series, end, most = series_of(case), datetime.fromisoformat(case["end"]), case["most"]
    limit = rfc.as_if_utc(end)
    (everything,) = tee(takewhile(lambda one: one[0] < limit, rfc.occurrences(series, end.year)), 1)
    found = list(islice(copy(everything), most))
    said = lambda here, number, at: [number, rfc.show(at, series.dated), rfc.due(series, here, at)]
    answer = {"occurrences": [said(*one) for one in found], "dateutil": None, "classes": [], "due": [], "completion": [],
              "asked": voices.speaks(series.rule)}
    if answer["asked"]:
        raw = voices.says(case["rule"], series, [], end, most)
        if raw != [at for _, _, at in found]:
            answer["dateutil"] = [rfc.show(at, series.dated) for at in raw]
            answer["classes"] = voices.classes(case["rule"], series, found, end, most)
    for nth, now in case["done"]:
        if nth < len(found):
            here, number, _ = found[nth]
            for basis, next_one in [("due", completion.by_due(series, copy(everything), here, now)),
                                    ("completion", completion.by_completion(series, here, number, now, end))]:
                if next_one and next_one[0] >= limit:
                    next_one = None
                answer[basis].append(next_one and said(*next_one[:3]) + [next_one[3]])
    return answer


def answer(request):
    if "rule" in request:
        return compare(request)
    return zones.zone(request["zone"], request["begin"], request["end"])


def serve():
    print(json.dumps({"tzdata": zones.RELEASE, "zones": zones.names()}), flush=True)
    for line in sys.stdin:
        print(json.dumps([answer(request) for request in json.loads(line)]), flush=True)
