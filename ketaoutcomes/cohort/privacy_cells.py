"""What in a column's cells looks like an identifier: one look at each distinct cell."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date
from functools import lru_cache

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from ketaoutcomes.cohort.privacy_columns import Cells, counts, distinct_cells, matcher, matches
from ketaoutcomes.cohort.privacy_patterns import (
    LETTERS,
    LONGEST,
    compiled,
    load_rules,
    luhn,
    nanp_phone,
    passes,
    social_security,
)

__all__ = [
    "ID_COLUMNS",
    "Cells",
    "all_classes_of_texts",
    "class_of_name",
    "classes_of_texts",
    "distinct_cells",
    "findings",
]

ID_COLUMNS = frozenset({"patient_id", "clinic_id"})
LABEL_COLUMNS = frozenset({"diagnosis", "instrument"})  # official labels are long and repeat
MANY_DISTINCT = 12  # as many different cells, one per row or per patient, are a code rather than a category
MOSTLY = 0.8
MOST_CLASSES = 6  # looks at one text, each without what the ones before have found
LONG_LETTERS = "GDJR"  # classes of bare long numbers
TAKEN = "\x00"

PLAIN_CODE = r"^(?:[A-Za-z]?[-_]?[0-9]{1,7}|[A-Za-z]{2,4}[-_]?[0-9]{3,6})$"
LABELLED_CODE = (
    r"(?i)^(?:mrn|ssn|dob|tel|nhs|vin|dea|npi|emr|ehr|acct|card|cell|call|lic|ph|udi|imei|iban|fax)"
)
# Days since 1899-12-30, as spreadsheets count, or since 1970-01-01, as R does (10000 is May 1997).
SERIAL_DAY = r"^[1-5][0-9]{4}(?:\.[0-9]+)?$"
SENTENCE = f"[{LETTERS}]{{2,}}[.!?;][ \\t]+[{LETTERS}]"
YEAR, MONTH, DAY = r"(?:19|20)[0-9]{2}", r"(?:0[1-9]|1[0-2])", r"(?:0[1-9]|[12][0-9]|3[01])"
BIRTH_CODE = (
    rf"(?i)^[a-z]{{1,4}}[-_ ]?(?:{YEAR}[-_]?{MONTH}[-_]?{DAY}|{DAY}[-_]?{DAY}[-_]?(?:{YEAR}|[0-9]{{2}}))$"
)
DAY_NUMBER = f"^(?:{YEAR}{MONTH}{DAY}|{DAY}{MONTH}{YEAR}|{MONTH}{DAY}{YEAR})$"
# Concepts of SNOMED CT have as many digits, and are written as 370143000 |Major depressive disorder|.
LONG_NUMBER = r"(?:^|[^0-9A-Za-z.,|_-])([0-9]{9,19})(?:[^0-9A-Za-z.,| -]|[.,](?:[^0-9]|$)| (?:[^|]|$)|$)"
DATE_SIGNS = r"^(?:[0-9TZtz:./+-]+|[0-9]{1,4}[./-][A-Za-z]{3,9}[./-][0-9]{1,4})$"
FULL_NAME = f"^[{LETTERS}'’-]{{2,}}[ ,._/^]+(?:[{LETTERS}'’.-]+[ ,._/^]+)?[{LETTERS}'’-]{{2,}}[0-9]{{0,4}}$"
# As HL7 and DICOM write a person: QUILL^XAVER^A^^DR.
MARKED_NAME = rf"^[{LETTERS}'’ -]{{2,}}\^[{LETTERS}'’. -]+(?:\^[{LETTERS}'’. -]*)*$"


def findings(
    cells: Cells, level: str, known: bool, patients: Cells | None
) -> Iterator[tuple[str, str, np.ndarray]]:
    """Yield the class, the message and the distinct cells of everything that looks like an identifier."""
    rules = load_rules()
    is_id = cells.name in ID_COLUMNS
    if rules.age_header(cells.name):
        yield "C", "holds ages over 90; write 90 for 90 or over", _first_number(cells) > 90
    if rules.birth_year_header(cells.name):
        oldest = date.today().year - 90
        message = "holds years of birth that show an age over 89; give age instead, 90 for 90 or over"
        yield "C", message, _first_number(cells) <= oldest
    if rules.zip3_header(cells.name):
        few_people = pa.array(sorted(rules.small_zip3), cells.texts.type)
        small = pc.is_in(cells.texts, few_people).to_numpy(zero_copy_only=False)
        message = (
            "holds ZIP codes of more than three digits or for 20,000 people or fewer; write 000 for those"
        )
        yield "B", message, small | ~cells.matches("^[0-9]{3}$")
    if is_id:
        yield from _codes_of_patients(cells)
    elif not known:
        yield from _bare_numbers(cells, level, rules.serial_header(cells.name))
    prose = not is_id and cells.name not in LABEL_COLUMNS
    yield from _text_patterns(cells, level, is_id, prose=prose)
    yield from _names(cells, known)
    if prose:
        yield from _numbers_in_text(cells)
    if not is_id:
        yield from _free_text(cells, known)
        if not known:
            yield from _unique_codes(cells, patients, level)


def _text_patterns(
    cells: Cells, level: str, is_id: bool, *, prose: bool
) -> Iterator[tuple[str, str, np.ndarray]]:
    """Yield the distinct cells that hold one of the patterns of `privacy_rules.toml`."""
    # Nearly all codes are plain, and there may be a million of them: only the others meet every pattern.
    plain = cells.is_number | (cells.matches(PLAIN_CODE) & ~cells.matches(LABELLED_CODE))
    places = np.flatnonzero(~plain)
    if not len(places):
        return
    texts = cells.texts.take(pa.array(places))
    of_words = np.flatnonzero(cells.of_words[places]) if prose else np.array([], dtype=int)
    word_texts = texts.take(pa.array(of_words))
    held_by = {False: matcher(texts), True: matcher(word_texts)}
    for one in load_rules().classes:
        if one.letter == "C" and level == "limited-data-set" and not is_id:
            continue
        found = np.zeros(len(cells.texts), dtype=bool)
        for pattern in one.patterns:
            if (is_id and not pattern.ids) or (pattern.prose and not len(of_words)):
                continue
            held = word_texts if pattern.prose else texts
            hits = np.flatnonzero(held_by[pattern.prose](pattern.text))
            if pattern.fits and len(hits):
                hits = hits[[passes(pattern, held[int(hit)].as_py()) for hit in hits]]
            found[places[of_words[hits] if pattern.prose else hits]] = True
        yield one.letter, f"holds what looks like {one.words}; {one.advice}", found


def _numbers_in_text(cells: Cells) -> Iterator[tuple[str, str, np.ndarray]]:
    """Yield cells of several words with a number among them that is too long to be a measurement."""
    rules = load_rules().by_letter
    kinds = {letter: np.zeros(len(cells.texts), dtype=bool) for letter in LONG_LETTERS}
    places = np.flatnonzero(cells.of_words)
    for place in places[matches(cells.texts.take(pa.array(places)), LONG_NUMBER)]:
        for number in compiled(LONG_NUMBER).findall(cells.texts[int(place)].as_py()):
            if social_security(number):
                letter = "G"
            else:
                letter = "D" if nanp_phone(number) else "J" if luhn(number) else "R"
            kinds[letter][place] = True
    for letter, found in kinds.items():
        yield letter, f"holds what looks like {rules[letter].words}; {rules[letter].advice}", found


def _codes_of_patients(cells: Cells) -> Iterator[tuple[str, str, np.ndarray]]:
    """Yield codes that are made from a person: Social Security or telephone numbers, dates of birth."""
    advice = "use a code of your own that says nothing of the person, such as P0001"
    nine = cells.matches("^[0-9]{9}$")
    yield (
        "G",
        f"holds what looks like Social Security numbers; {advice}",
        _checked(cells, nine, social_security),
    )
    ten = _checked(cells, cells.matches("^1?[2-9][0-9]{9}$"), nanp_phone)
    if cells.share(ten) >= MOSTLY:
        yield "D", f"holds what looks like telephone numbers; {advice}", ten
    dated, whole = cells.matches(BIRTH_CODE), cells.matches(DAY_NUMBER)
    prefixes = pc.unique(pc.utf8_lower(pc.replace_substring_regex(cells.texts, "[^A-Za-z].*$", "")))
    long_year = dated & cells.matches(r"(?i)^[a-z]{2,3}[-_ ]?(?:19[2-9]|200|201)[0-9][01][0-9][0-3][0-9]$")
    if (cells.share(dated) >= MOSTLY and len(prefixes) > 1) or cells.share(whole) >= MOSTLY:
        yield "C", f"holds codes that look as if made from dates of birth; {advice}", dated | whole
    elif len(prefixes) > 1:
        yield "C", f"holds codes that look as if made from initials and dates of birth; {advice}", long_year


def _bare_numbers(cells: Cells, level: str, time_header: bool) -> Iterator[tuple[str, str, np.ndarray]]:
    """Yield numbers without any sign that are too long to be measurements, or mostly dates or ZIP codes."""
    rules = load_rules().by_letter
    long = cells.matches(r"^[0-9]{9,19}$")
    if long.any():
        kinds = {
            "G": _checked(cells, cells.matches("^[0-9]{9}$"), social_security),
            "D": _checked(cells, cells.matches("^1?[2-9][0-9]{9}$"), nanp_phone),
            "J": cells.matches("^[0-9]{13,19}$") & ~cells.matches("^1[0-9]{12}$"),
            "C": cells.matches("^1[0-9]{9}(?:[0-9]{3})?$"),
            "R": long,
        }
        for letter, found in kinds.items():
            if letter != "C" or level == "safe-harbor":
                yield letter, f"holds what looks like {rules[letter].words}; {rules[letter].advice}", found
            else:
                long &= ~found
    days = cells.matches(DAY_NUMBER)
    serials = cells.matches(SERIAL_DAY) if time_header else np.zeros(len(days), dtype=bool)
    if level == "safe-harbor" and (cells.share(days) >= MOSTLY or cells.share(serials) >= MOSTLY):
        yield "C", f"holds what looks like dates; {rules['C'].advice}", days | serials
    five = cells.matches("^[0-9]{5}$")
    if cells.share(five) >= MOSTLY and (five & cells.matches("^0[1-9]")).any():
        yield "B", f"holds what looks like ZIP codes; {rules['B'].advice}", five


def _names(cells: Cells, known: bool) -> Iterator[tuple[str, str, np.ndarray]]:
    """Yield cells that name a person: two or three words with a common given name, or such names alone."""
    given = load_rules().given_names
    rule, other = load_rules().by_letter["A"], compiled(load_rules().not_names)
    found = np.zeros(len(cells.texts), dtype=bool)
    for place in np.flatnonzero(cells.matches(FULL_NAME) | cells.matches(MARKED_NAME)):
        text = cells.texts[int(place)].as_py().lower()
        if other.match(text):
            continue
        words = re.sub("[,._/^]", " ", text).rstrip("0123456789").split()
        family_first = len(words) > 1 and ("," in text or "^" in text)
        named = words[0] in given or (family_first and words[1] in given)
        # "Charles Bonnet syndrome" is a side effect: three words name people only where content is unknown.
        # A slash in a column of the dictionary stands between two of its words.
        alone_two = len(words) == 2 and "/" not in text
        found[place] = (named and (not known or alone_two)) or (not known and words[-1] in given)
    if not known:
        single = cells.matches(f"^[{LETTERS}]{{2,}}$")
        alone = np.zeros(len(found), dtype=bool)
        for place in np.flatnonzero(single):
            alone[place] = cells.texts[int(place)].as_py().lower() in given
        if alone.sum() >= 3 and 2 * alone.sum() > single.sum():
            found |= alone
    yield "A", f"holds what looks like {rule.words}; {rule.advice}", found


def _free_text(cells: Cells, known: bool) -> Iterator[tuple[str, str, np.ndarray]]:
    """Yield cells that are written in sentences, or too long and too various to be categories."""
    rule = load_rules().free_text
    n_signs = pc.utf8_length(cells.texts).to_numpy(zero_copy_only=False)
    spaced = np.flatnonzero(~cells.is_number & (n_signs > 12))
    found = np.zeros(len(cells.texts), dtype=bool)
    if len(spaced):
        texts = cells.texts.take(pa.array(spaced))
        n_words, n_small = (
            counts(texts, f"[{LETTERS}][{LETTERS}'’-]*"),
            counts(texts, load_rules().prose_words),
        )
        signs = n_signs[spaced]
        sentence = matches(texts, SENTENCE) & (n_words >= 4) & (signs > 25)
        spoken = (n_small >= 2) & (n_words >= 5) & (signs > 25)
        seldom = (
            (cells.n_rows[spaced] < 3) & (signs > 40) & (n_words >= 6) & (cells.name not in LABEL_COLUMNS)
        )
        found[spaced] = sentence | spoken | seldom | (signs > 200) | matches(texts, r"[\r\n]")
        phrases = n_words >= 3
        various = phrases.sum() > max(20, 0.5 * cells.n_rows[spaced[phrases]].sum())
        if not known and various and cells.share(_scatter(found, spaced[phrases])) > 0.5:
            found[spaced[phrases]] = True
    yield rule.letter, f"holds {rule.words}; {rule.advice}", found


def _unique_codes(cells: Cells, patients: Cells | None, level: str) -> Iterator[tuple[str, str, np.ndarray]]:
    """Yield codes with digits of which every row, or every patient, has its own."""
    rule = load_rules().by_letter["R"]
    measured = cells.matches(r"^[-+<>=~]?[0-9]+(?:(?:[.,:/][0-9]+)*|-[0-9]+)(?:[^\d\s]{1,3})?$")
    code = cells.matches(r"^[^\s]*[0-9][^\s]*$") & ~cells.is_number & ~measured
    code |= cells.matches("^[0-9]{7,}$")
    if level == "limited-data-set" and code.sum() >= MANY_DISTINCT:
        code[code] = ~_dates(cells.texts.filter(pa.array(code)))
    n_codes = int(code.sum())
    if n_codes < MANY_DISTINCT or cells.share(code) < MOSTLY:
        return
    own_row = n_codes == cells.n_rows[code].sum()
    own_patient = False
    if patients is not None and not own_row:
        both = (cells.codes >= 0) & (patients.codes >= 0)
        both[both] = code[cells.codes[both]]
        pairs = np.unique(cells.codes[both].astype(np.int64) * len(patients.texts) + patients.codes[both])
        own_patient = len(pairs) == n_codes == len(np.unique(patients.codes[both]))
    if own_row or own_patient:
        yield "R", f"holds what looks like {rule.words}; {rule.advice}", code


def _dates(texts: pa.Array) -> np.ndarray:
    """Whether each text is a date and nothing else."""
    found = np.zeros(len(texts), dtype=bool)
    for pattern in load_rules().by_letter["C"].patterns:
        found |= False if pattern.prose else matches(texts, pattern.text)
    return found & matches(texts, DATE_SIGNS)


def _checked(cells: Cells, candidates: np.ndarray, check) -> np.ndarray:
    """Return which of the candidates also pass a check on their text."""
    found = candidates.copy()
    for place in np.flatnonzero(candidates):
        found[place] = check(cells.texts[int(place)].as_py())
    return found


def _first_number(cells: Cells) -> np.ndarray:
    """Return the first number in each distinct cell, nan when there is none."""
    digits = pc.replace_substring_regex(cells.texts, r"^[^0-9]*([0-9]+(?:[.,][0-9]+)?).*$", r"\1")
    digits = pd.Series(pc.replace_substring(digits, ",", ".").to_pylist(), dtype="str")
    return pd.to_numeric(digits, errors="coerce").to_numpy(float)


def _scatter(like: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Return a mask as long as `like` that is true at `places`."""
    mask = np.zeros(len(like), dtype=bool)
    mask[places] = True
    return mask


def classes_of_texts(texts: Sequence[str], level: str) -> list[str | None]:
    """Return the class that each text looks like, or None; free text and codes of one's own are not told.

    Parameters
    ----------
    texts : sequence of str
        Names of columns, files and sheets, lines of prose, literals of code.
    level : {"safe-harbor", "limited-data-set"}
    """
    cells = distinct_cells("text", pd.Series(list(texts), dtype="str"))
    letters = np.full(len(cells.texts) + 1, None, dtype=object)
    untold = np.ones(len(cells.texts), dtype=bool)
    found_in = (
        *_bare_numbers(cells, level, False),
        *_text_patterns(cells, level, False, prose=True),
        *_names(cells, False),
        *_numbers_in_text(cells),
    )
    for letter, _, found in found_in:
        letters[:-1][found & untold] = letter
        untold &= ~found
    return letters[cells.codes].tolist()


def all_classes_of_texts(texts: Sequence[str], level: str) -> list[frozenset[str]]:
    """Return all classes that each text looks like, the first as `classes_of_texts` tells it.

    What was found is taken out of the text, and the rest is looked at again.
    """
    found: list[set[str]] = [set() for _ in texts]
    left = dict(enumerate(texts))
    for _ in range(MOST_CLASSES):
        letters = classes_of_texts(list(left.values()), level)
        rest = {}
        for (place, text), letter in zip(left.items(), letters, strict=True):
            if letter is not None:
                found[place].add(letter)
                shorter = _without(text, letter) if len(text) <= LONGEST else text
                if shorter != text and shorter.strip():
                    rest[place] = shorter
        left = rest
        if not left:
            break
    return [frozenset(one) for one in found]


def _without(text: str, letter: str) -> str:
    """Return a text without what the patterns of a class find in it, and what touches that."""
    for pattern in load_rules().by_letter[letter].patterns:
        text = compiled(pattern.text).sub(
            lambda found, one=pattern: TAKEN if passes(one, found.group()) else found.group(), text
        )
    text = re.sub(rf"[^\s,;\x00]*{TAKEN}[^\s,;\x00]*", " ", text)
    return compiled(LONG_NUMBER).sub(" ", text) if letter in LONG_LETTERS else text


@lru_cache(maxsize=4096)
def class_of_name(name: str, level: str) -> str | None:
    """Return the class of a name that looks like a cell, or None."""
    return classes_of_texts([name], level)[0]
