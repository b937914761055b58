"""What in a column's cells looks like an identifier: one look at each distinct cell."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from ketaoutcomes.cohort.privacy_patterns import (
    LETTERS,
    compiled,
    load_rules,
    nanp_phone,
    passes,
    social_security,
)

__all__ = ["ID_COLUMNS", "Cells", "class_of_name", "distinct_cells", "findings"]

ID_COLUMNS = frozenset({"patient_id", "clinic_id"})
LABEL_COLUMNS = frozenset({"diagnosis", "instrument"})  # official labels are long and repeat
MANY_DISTINCT = 12  # as many different cells, one per row or per patient, are a code rather than a category
MOSTLY = 0.8
FEW, SHORT = 500, 200

NUMBER = (
    r"^[-+]?(?:[0-9]+(?:[.,][0-9]*)?|[.,][0-9]+|[0-9]{1,3}(?:[,'][0-9]{3})+(?:\.[0-9]+)?"
    r"|[0-9]{1,3}(?:\.[0-9]{3}){1,2}(?:,[0-9]+)?)(?:[eE][-+]?[0-9]+)?$"
)
PLAIN_CODE = r"^(?:[A-Za-z]?[-_]?[0-9]{1,7}|[A-Za-z]{2,4}[-_]?[0-9]{3,6})$"
LABELLED_CODE = (
    r"(?i)^(?:mrn|ssn|dob|tel|nhs|vin|dea|npi|emr|ehr|acct|card|cell|call|lic|ph|udi|imei|iban|fax)"
)
INVISIBLE = r"[\x{00ad}\x{200b}-\x{200f}\x{2060}\x{feff}]"
DASHES = r"[\x{2010}-\x{2015}\x{2212}]"
MISSING = r"(?i)^(?:|\.|-+|na|n/a|nan|null|none|<na>|nat)$"
SENTENCE = f"[{LETTERS}]{{2,}}[.!?;][ \\t]+[{LETTERS}]"
YEAR, MONTH, DAY = r"(?:19|20)[0-9]{2}", r"(?:0[1-9]|1[0-2])", r"(?:0[1-9]|[12][0-9]|3[01])"
BIRTH_CODE = (
    rf"(?i)^[a-z]{{1,4}}[-_ ]?(?:{YEAR}[-_]?{MONTH}[-_]?{DAY}|{DAY}[-_]?{DAY}[-_]?(?:{YEAR}|[0-9]{{2}}))$"
)
DAY_NUMBER = f"^(?:{YEAR}{MONTH}{DAY}|{DAY}{MONTH}{YEAR}|{MONTH}{DAY}{YEAR})$"
FULL_NAME = f"^[{LETTERS}'’-]{{2,}}[ ,._]+(?:[{LETTERS}'’.-]+[ ,._]+)?[{LETTERS}'’-]{{2,}}[0-9]{{0,4}}$"


@dataclass(frozen=True)
class Cells:
    """One column: its distinct cells as text, and which of them stands in each row (-1 for none)."""

    name: str
    texts: pa.Array
    codes: np.ndarray
    is_number: np.ndarray

    @property
    def n_rows(self) -> np.ndarray:
        """Number of rows of each distinct cell."""
        return np.bincount(self.codes[self.codes >= 0], minlength=len(self.texts))

    def matches(self, pattern: str) -> np.ndarray:
        """Whether each distinct cell holds the pattern."""
        return _matches(self.texts, pattern)

    def share(self, found: np.ndarray) -> float:
        """Share of the filled rows whose cell is among those found."""
        filled = (self.codes >= 0).sum()
        return self.n_rows[found].sum() / filled if filled else 0.0


def distinct_cells(name: str, column: pd.Series) -> Cells | None:
    """Return a column's distinct cells as text, or None for a column of dates."""
    if pd.api.types.is_datetime64_any_dtype(column) or isinstance(column.dtype, pd.PeriodDtype):
        return None
    if pd.api.types.is_bool_dtype(column):
        texts, codes = pa.array([], pa.large_string()), np.full(len(column), -1)
    elif isinstance(column.dtype, pd.CategoricalDtype):
        texts = pa.array(column.cat.categories.astype("str"), type=pa.large_string(), from_pandas=True)
        codes = column.cat.codes.to_numpy()
    elif pd.api.types.is_numeric_dtype(column):
        codes, values = pd.factorize(column)
        texts = pa.array(_digits(np.asarray(values)), pa.large_string())
    else:
        coded = pa.array(column.astype("str"), type=pa.large_string(), from_pandas=True).dictionary_encode()
        coded = coded.combine_chunks() if isinstance(coded, pa.ChunkedArray) else coded
        texts = coded.dictionary
        codes = pc.fill_null(coded.indices, -1).to_numpy(zero_copy_only=False)
    if not pc.all(pc.string_is_ascii(texts)).as_py():
        # Full-width signs, hard spaces and typographic dashes must not hide anything.
        texts = pc.utf8_normalize(pc.replace_substring_regex(texts, INVISIBLE, ""), form="NFKC")
        texts = pc.replace_substring_regex(texts, DASHES, "-")
    texts = pc.utf8_trim_whitespace(texts)
    missing = _matches(texts, MISSING)
    if missing.any():
        codes = np.where(np.append(missing, False)[codes], -1, codes)
    return Cells(name, texts, codes, _matches(texts, NUMBER))


def _digits(values: np.ndarray) -> list[str]:
    """Return numbers as text, whole ones with all their digits."""
    if values.dtype.kind in "iu":
        return values.astype(str).tolist()
    whole = (values == np.rint(values)) & (np.abs(values) < 1e19)
    return [
        f"{value:.0f}" if one else f"{value:.10g}"
        for value, one in zip(values.tolist(), whole.tolist(), strict=True)
    ]


def _matches(texts: pa.Array, pattern: str) -> np.ndarray:
    """Whether each text holds the pattern, which means the same to RE2 and to `re`.

    RE2 is faster on many texts, and safe on long ones, but compiles the pattern anew each time.
    """
    if _few_and_short(texts):
        search = compiled(pattern).search
        return np.array([search(text) is not None for text in texts.to_pylist()], dtype=bool)
    return pc.match_substring_regex(texts, pattern).to_numpy(zero_copy_only=False).astype(bool)


def _few_and_short(texts: pa.Array) -> bool:
    return len(texts) <= FEW and (pc.max(pc.utf8_length(texts)).as_py() or 0) <= SHORT


def _counts(texts: pa.Array, pattern: str) -> np.ndarray:
    """Return how often each text holds the pattern."""
    if _few_and_short(texts):
        return np.array([len(compiled(pattern).findall(text)) for text in texts.to_pylist()], dtype=np.int64)
    return pc.count_substring_regex(texts, pattern).to_numpy(zero_copy_only=False)


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
    yield from _text_patterns(cells, level, is_id)
    yield from _names(cells, known)
    if not is_id:
        yield from _free_text(cells, known)
        if not known:
            yield from _unique_codes(cells, patients)


def _text_patterns(cells: Cells, level: str, is_id: bool) -> Iterator[tuple[str, str, np.ndarray]]:
    """Yield the distinct cells that hold one of the patterns of `privacy_rules.toml`."""
    # Nearly all codes are plain, and there may be a million of them: only the others meet every pattern.
    plain = cells.is_number | (cells.matches(PLAIN_CODE) & ~cells.matches(LABELLED_CODE))
    places = np.flatnonzero(~plain)
    if not len(places):
        return
    texts = cells.texts.take(pa.array(places))
    for one in load_rules().classes:
        if one.letter == "C" and level == "limited-data-set" and not is_id:
            continue
        found = np.zeros(len(cells.texts), dtype=bool)
        for pattern in one.patterns:
            if is_id and not pattern.ids:
                continue
            hits = np.flatnonzero(_matches(texts, pattern.text))
            if pattern.fits:
                hits = hits[[passes(pattern, texts[int(hit)].as_py()) for hit in hits]] if len(hits) else hits
            found[places[hits]] = True
        yield one.letter, f"holds what looks like {one.words}; {one.advice}", found


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
    serials = (
        cells.matches(r"^[2-5][0-9]{4}(?:\.[0-9]+)?$") if time_header else np.zeros(len(days), dtype=bool)
    )
    if level == "safe-harbor" and (cells.share(days) >= MOSTLY or cells.share(serials) >= MOSTLY):
        yield "C", f"holds what looks like dates; {rules['C'].advice}", days | serials
    five = cells.matches("^[0-9]{5}$")
    if cells.share(five) >= MOSTLY and (five & cells.matches("^0[1-9]")).any():
        yield "B", f"holds what looks like ZIP codes; {rules['B'].advice}", five


def _names(cells: Cells, known: bool) -> Iterator[tuple[str, str, np.ndarray]]:
    """Yield cells that name a person: two or three words with a common given name, or such names alone."""
    given = load_rules().given_names
    rule = load_rules().by_letter["A"]
    found = np.zeros(len(cells.texts), dtype=bool)
    for place in np.flatnonzero(cells.matches(FULL_NAME)):
        text = cells.texts[int(place)].as_py().lower()
        words = text.replace(",", " ").replace(".", " ").replace("_", " ").rstrip("0123456789").split()
        named = words[0] in given or ("," in text and words[1] in given)
        # "Charles Bonnet syndrome" is a side effect: three words name people only where content is unknown.
        found[place] = (named and (not known or len(words) == 2)) or (not known and words[-1] in given)
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
            _counts(texts, f"[{LETTERS}][{LETTERS}'’-]*"),
            _counts(texts, load_rules().prose_words),
        )
        signs = n_signs[spaced]
        sentence = _matches(texts, SENTENCE) & (n_words >= 4) & (signs > 25)
        spoken = (n_small >= 2) & (n_words >= 5) & (signs > 25)
        seldom = (
            (cells.n_rows[spaced] < 3) & (signs > 40) & (n_words >= 6) & (cells.name not in LABEL_COLUMNS)
        )
        found[spaced] = sentence | spoken | seldom | (signs > 200) | _matches(texts, r"[\r\n]")
        phrases = n_words >= 3
        various = phrases.sum() > max(20, 0.5 * cells.n_rows[spaced[phrases]].sum())
        if not known and various and cells.share(_scatter(found, spaced[phrases])) > 0.5:
            found[spaced[phrases]] = True
    yield rule.letter, f"holds {rule.words}; {rule.advice}", found


def _unique_codes(cells: Cells, patients: Cells | None) -> Iterator[tuple[str, str, np.ndarray]]:
    """Yield codes with digits of which every row, or every patient, has its own."""
    rule = load_rules().by_letter["R"]
    measured = cells.matches(r"^[-+<>=~]?[0-9]+(?:(?:[.,:/][0-9]+)*|-[0-9]+)(?:[^\d\s]{1,3})?$")
    code = cells.matches(r"^[^\s]*[0-9][^\s]*$") & ~cells.is_number & ~measured
    code |= cells.matches("^[0-9]{7,}$")
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


def class_of_name(name: str, level: str) -> str | None:
    """Return the class of a name that looks like a cell, or None."""
    cells = distinct_cells("name", pd.Series([name], dtype="str"))
    for letter, _, found in (*_text_patterns(cells, level, False), *_names(cells, False)):
        if found.any():
            return letter
    return None
