"""A time zone that is given by a name that is none: refused, with the one that may be meant."""

from __future__ import annotations

import difflib
import re
import zoneinfo
from collections.abc import Mapping
from types import MappingProxyType

from ketaoutcomes.errors import ConfigError, Problem

__all__ = ["hold_to_zones"]

# What people write for zones; offsets are those of standard time.
SHORT: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("et", "edt", "eastern", "easterntime", "useastern", "-5"), "America/New_York"),
        **dict.fromkeys(("ct", "cst", "cdt", "central", "centraltime", "uscentral", "-6"), "America/Chicago"),
        **dict.fromkeys(("mt", "mdt", "mountain", "mountaintime", "usmountain", "-7"), "America/Denver"),
        **dict.fromkeys(
            ("pt", "pst", "pdt", "pacific", "pacifictime", "uspacific", "-8"), "America/Los_Angeles"
        ),
        **dict.fromkeys(("bst", "uk"), "Europe/London"),
        **dict.fromkeys(("cest", "mez", "mesz", "+1"), "Europe/Berlin"),
        **dict.fromkeys(("aest", "aedt", "+10"), "Australia/Sydney"),
    }
)
OFFSET = re.compile(r"(?:utc|gmt|z)?([+-])0?([0-9]{1,2})(?::?00)?")
ALIKE = 0.75


def hold_to_zones(timezone: str | None) -> None:
    """Refuse a time zone that is no IANA name.

    Raises
    ------
    ConfigError
        With the name that may be meant, if there is one.
    """
    known = zoneinfo.available_timezones()
    if timezone is None or timezone in known:
        return
    near = _near(timezone, known)
    hint = f"did you mean {near!r}?" if near else 'e.g. "America/New_York"'
    raise ConfigError(Problem(f"timezone is not an IANA time zone; {hint}", rule="config"))


def _near(timezone: str, known: set[str]) -> str | None:
    """Return the zone that a text may mean: by a short name, an offset, a city, or alike in its letters."""
    plain = "".join(timezone.casefold().split())
    offset = OFFSET.fullmatch(plain)
    key = "".join(offset.groups()) if offset else plain.replace("_", "").replace("/", "")
    if key in SHORT:
        return SHORT[key]
    if offset:
        return None
    by_name = {name.casefold().replace("_", ""): name for name in sorted(known)}
    by_city = {name.rpartition("/")[2]: by_name[name] for name in reversed(by_name)}
    for names in (by_name, by_city):
        near = difflib.get_close_matches(plain.replace("_", ""), names, n=1, cutoff=ALIKE)
        if near:
            return names[near[0]]
    return None
