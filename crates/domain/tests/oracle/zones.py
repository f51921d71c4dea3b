"""The zones of the package tzdata, through Python's own zoneinfo."""

from datetime import datetime, timedelta, timezone
from importlib.resources import files
from struct import unpack

import tzdata

import rfc

RELEASE = tzdata.IANA_VERSION


def names():
    return files("tzdata").joinpath("zones").read_text().split()


def offset(at, where):
    """Seconds east of UTC."""
    return int(datetime.fromtimestamp(at, where).utcoffset().total_seconds())


def in_file(name):
    """The instants that the zone's file lists, and the rule for the time after them: RFC 9636, version 2 or later."""
    data = files("tzdata").joinpath("zoneinfo", *name.split("/")).read_bytes()
    block = 0
    for size in (4, 8):  # The first block has instants of 32 bits, and is there for old readers.
        magic, version, utc, std, leaps, times, types, chars = unpack(">4sc15x6l", data[block:block + 44])
        assert magic == b"TZif" and version >= b"2", name
        listed = data[block + 44:block + 44 + times * size]
        block += 44 + times * (size + 1) + types * 6 + chars + leaps * (size + 4) + std + utc
    return unpack(f">{times}q", listed), data[block:].decode().strip()


def transitions(name, begin, end):
    """`[instant, offset before, offset after]`: those the file lists, and what its rule makes after the last of them, found
    by looking at every day."""
    where = rfc.zone(name)
    listed, rule = in_file(name)
    found = {at for at in listed if begin <= at < end}
    days = range(max(begin, max(listed, default=begin)), end, 86_400) if "," in rule else []
    for low in days:
        high = low + 86_400
        before = offset(low, where)
        if offset(high, where) != before:
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if offset(middle, where) == before else (low, middle)
            found.add(high)
    pairs = ((at, offset(at - 1, where), offset(at, where)) for at in sorted(found))
    return [[at, before, after] for at, before, after in pairs if before != after]


def around(at, before, after):
    """Local times at which something could go wrong: on both edges of a gap or fold and in its middle."""
    for edge in (at + before, at + after, at + (before + after) // 2):
        for away in (-86_400, -60, -1, 0, 1, 60, 86_400):
            yield datetime.fromtimestamp(edge + away, timezone.utc).replace(tzinfo=None)


def zone(name, begin, end):
    """Each change of offset with the instants of the local times around it."""
    where = rfc.zone(name)
    return [[*change, [rfc.instant(at, where) for at in around(*change)]] for change in transitions(name, begin, end)]
