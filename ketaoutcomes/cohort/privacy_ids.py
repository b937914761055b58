"""Patient ids that say who the patient is: names, and codes made from initials and dates."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import pandas as pd
import pyarrow as pa

from ketaoutcomes.cohort.privacy_cells import Cells
from ketaoutcomes.cohort.privacy_patterns import LETTERS

__all__ = ["ids_of_persons"]

MESSAGE = "looks like names or birth dates; use codes such as P0001"
FIRST_YEAR = 1900
# So many bare numbers that are dates, and more than half of all, are no chance.
FEWEST_DATES = 3
LETTER, DIGIT, WORD = f"[{LETTERS}]", "[0-9]", f"[{LETTERS}][{LETTERS}'’-]{{2,}}"
# With a number, these words number patients and do not name them.
PLAIN_WORDS = re.compile(
    r"(?i)^(?:patients?|subjects?|participants?|clients?|cases?|persons?|people|members?|volunteers?|controls?"
    r"|site|clinic|cent(?:er|re)|study|trial|arm|group|num|number|code)$"
)
INITIALS = f"^((?:{LETTER}[.]? ?){{2,4}})[-_ ./]*"
YEAR, PART = "(?:19|20)[0-9]{2}", "[0-9]{2}[-_ ./]?"
DATE_DIGITS = f"(?:{YEAR}[-_ ./]?{PART}[0-9]{{2}}|{PART}{PART}{YEAR})"
FORMS = ("%Y%m%d", "%d%m%Y", "%m%d%Y")


def ids_of_persons(cells: Cells) -> Iterator[tuple[str, str, np.ndarray]]:
    """Yield the class, the message and the distinct ids that look like names, or are made from dates.

    Parameters
    ----------
    cells : Cells
        The column patient_id.

    Notes
    -----
    A number of eight digits may be a date by chance, in about 1 of 700, so that
    such ids count only if most are dates. Letters before a date are initials
    unless they stand before several ids, as the code of a study or site does.
    """
    yield "A", MESSAGE, _names(cells)
    dates = _dates(cells, f"^{DATE_DIGITS}$")
    many = dates.sum() >= FEWEST_DATES and cells.share(dates) > 0.5
    yield "C", MESSAGE, dates & many
    coded = cells.matches(f"{INITIALS}(?:{YEAR}|{DATE_DIGITS})$")
    if coded.any():
        yield "C", MESSAGE, _initials_and_dates(cells, coded)


def _names(cells: Cells) -> np.ndarray:
    """Return which ids are letters without a digit, or hold a word set apart by a blank; bool."""
    letters = cells.matches(f"{LETTER}.*{LETTER}.*{LETTER}") & ~cells.matches(DIGIT)
    apart = cells.matches(f"(?:^{WORD} | {WORD}(?: |$))") & cells.matches(DIGIT)
    if not apart.any():
        return letters
    words = [set(re.findall(WORD, text.as_py().lower())) for text in cells.texts]
    # A word that all ids share is the name of the study, and of nobody.
    shared = set.intersection(*words) if len(words) > 1 else set()
    for place in np.flatnonzero(apart):
        apart[place] = any(not PLAIN_WORDS.match(word) for word in words[place] - shared)
    return letters | apart


def _initials_and_dates(cells: Cells, coded: np.ndarray) -> np.ndarray:
    """Return which ids are a person's initials with a year or a date; bool."""
    year = _dates(cells, f"{INITIALS}{YEAR}$")
    date = _dates(cells, f"{INITIALS}{DATE_DIGITS}$")
    lead = pd.Series(cells.texts.to_pylist(), dtype="str").str.extract("^([^0-9]*)", expand=False)
    lead = lead.str.lower().str.replace(f"[^{LETTERS}]", "", regex=True)
    n_ids = lead.groupby(lead).transform("size").to_numpy()
    found = (year | date) & coded
    # Initials that two patients share are rare; a site's letters stand before many ids.
    own = found & (n_ids <= max(2, 0.02 * len(n_ids)))
    if found.any() and lead[found].nunique() * 2 <= found.sum():
        own[:] = False
    if date.sum() >= FEWEST_DATES and cells.share(date) > 0.5:
        own |= date
    return own


def _dates(cells: Cells, pattern: str) -> np.ndarray:
    """Return which ids match and end in a year or a date from 1900 to today; bool."""
    out = cells.matches(pattern)
    places = np.flatnonzero(out)
    texts = cells.texts.take(pa.array(places)).to_pylist()
    digits = pd.Series(texts, dtype="str").str.replace("[^0-9]", "", regex=True)
    today = pd.Timestamp.now()
    good = np.zeros(len(digits), dtype=bool)
    years = (digits.str.len() == 4).to_numpy(bool)
    if years.any():
        good[years] = digits[years].astype(int).between(FIRST_YEAR, today.year).to_numpy(bool)
    for form in FORMS:
        day = pd.to_datetime(digits.where(~years), format=form, errors="coerce")
        good |= ((day >= f"{FIRST_YEAR}-01-01") & (day <= today)).to_numpy(bool)
    out[places] = good
    return out
