"""Every rule that input is held against, with its reason in words.

A rule that breaks does one of five things. `"row"` sets the row aside (it is
quarantined), `"cell"` sets one optional cell to missing and keeps the row,
`"file"` means that nothing can be loaded until it is mended, `"privacy"` means
the same because the data look as if they identify people, and `"note"` changes
nothing and is only told.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

__all__ = ["RULES", "Rule", "reason"]


@dataclass(frozen=True)
class Rule:
    """One rule: its short name, what breaking it does, and why in words.

    Parameters
    ----------
    name : str
        Short name, as it stands in the tables of problems.
    effects : tuple of str
        What may happen: "row", "cell", "file", "privacy", "note".
    reason : str
        What is wrong and what to do about it, for the reader of a report.
    """

    name: str
    effects: tuple[str, ...]
    reason: str


ROW, CELL, FILE, NOTE = ("row",), ("cell",), ("file",), ("note",)

_ALL = (
    # Files and headers
    Rule("no_folder", FILE, "there is no such folder"),
    Rule("not_folder", FILE, "this is a file; give the folder that holds the tables"),
    Rule("missing_table", FILE, "the table is needed and is not there"),
    Rule(
        "not_regular_file", FILE, "this is a link, a folder or a device; put the file itself into the folder"
    ),
    Rule("unsafe_file", FILE, "pickled files can run code and are refused; save the table as CSV or Parquet"),
    Rule("spreadsheet_file", FILE, "spreadsheet files are not read here; save the sheet as 'CSV UTF-8'"),
    Rule("two_files", FILE, "two files give the same table; keep one"),
    Rule("unreadable", FILE, "the file cannot be opened"),
    Rule("empty_file", FILE, "the file is empty"),
    Rule("not_text", FILE, "the file is not plain text (UTF-16 or binary); save it as 'CSV UTF-8'"),
    Rule(
        "encoding",
        FILE,
        "the file is not in the declared encoding; save it as UTF-8 or set 'encoding' in cohort.toml, "
        'e.g. "cp1252"',
    ),
    Rule(
        "quotes",
        FILE,
        "a quotation mark is never closed or stands inside an unquoted cell, so the cells cannot be "
        "told apart; export again with quotes doubled",
    ),
    Rule("bad_parquet", FILE, "the file is not readable as Parquet (truncated or damaged); export it again"),
    Rule("too_large", FILE, "the table has more rows, columns or text than can be read safely; split it"),
    Rule(
        "column_type",
        FILE,
        "the column holds lists, structures or bytes; a table has one plain value per cell",
    ),
    Rule("duplicate_header", FILE, "two columns have the same name; rename or remove one"),
    Rule("unnamed_column", ("file", "note"), "a column has cells and no name; name it or remove it"),
    Rule("missing_column", FILE, "the column is needed and is not there"),
    Rule("no_clock", FILE, "no column says when; give one of the time columns"),
    Rule("two_clocks", FILE, "several columns say when; give only one of the time columns"),
    Rule(
        "mixed_clocks",
        FILE,
        "the table is dated and the sessions are in hours or days, so the two cannot be aligned; give "
        "both in the same way",
    ),
    Rule(
        "excel_date",
        FILE,
        "the dates are spreadsheet serial numbers; format the column as YYYY-MM-DD HH:MM before exporting",
    ),
    Rule(
        "ambiguous_date",
        FILE,
        "dates are not written as YYYY-MM-DD, so day and month cannot be told apart; set 'date_format' "
        'in cohort.toml, "%m/%d/%Y" if the month comes first, "%d/%m/%Y" if the day does',
    ),
    Rule(
        "mixed_dates",
        FILE,
        "dates are written in more than one way; write all as YYYY-MM-DD or set 'date_format' in "
        "cohort.toml and use it throughout",
    ),
    Rule(
        "am_pm",
        FILE,
        "clock times are written with AM or PM; give 'date_format' in cohort.toml with %I:%M %p, e.g. "
        '"%Y-%m-%d %I:%M %p" or "%m/%d/%Y %I:%M %p"',
    ),
    Rule(
        "days_and_offsets",
        FILE,
        "days without clock times stand beside clock times with their offset from UTC, so it is not known "
        "when a day begins; set 'timezone' in cohort.toml, e.g. \"America/New_York\"",
    ),
    Rule(
        "no_timezone",
        FILE,
        "clock times have no time zone, and a day on which clocks change has 23 or 25 hours; set "
        "'timezone' in cohort.toml, e.g. \"America/New_York\"",
    ),
    Rule("nothing_left", FILE, "no row is left after the rows that break a rule were set aside; see check()"),
    Rule("config", FILE, "cohort.toml cannot be used"),
    # Rows
    Rule(
        "too_many_cells",
        ROW,
        "the row has more cells than the header, so its cells cannot be matched to columns; often a "
        "separator inside a cell or a decimal comma (set 'decimal' and 'separator' in cohort.toml)",
    ),
    Rule(
        "too_few_cells",
        ROW,
        "the row has fewer cells than the header, so its cells cannot be matched to columns",
    ),
    Rule("missing_required", ROW, "a cell that is needed is empty"),
    Rule("not_a_number", ("row", "cell"), "the cell should hold a number and does not"),
    Rule(
        "decimal_comma",
        ("row", "cell"),
        'the number is written with a comma; set decimal = "," in cohort.toml, or write it with a point '
        "and without thousands marks",
    ),
    Rule("not_a_whole_number", ("row", "cell"), "the cell should hold a whole number and does not"),
    Rule("not_a_time", ROW, "the cell should hold a date or time and does not"),
    Rule("partial_date", ROW, "the date lacks its day or month, so the time is not known"),
    Rule(
        "time_skipped",
        ROW,
        "this local time does not exist: clocks went forward over it; correct it or give the offset from UTC",
    ),
    Rule("time_twice", ROW, "this local time happened twice: clocks went back; give the offset from UTC"),
    Rule("time_range", ROW, "the time is more than 50 years from the first session"),
    Rule(
        "time_bounds",
        ("row", "file"),
        "hour does not lie between hour_low and hour_high, or these are more than 48 hours apart, or one of "
        "them is missing or no number; leave both blank where the hour is exact",
    ),
    Rule("after_data_cut", ROW, "the date is after 'data_cut'"),
    Rule(
        "orphan_patient",
        ROW,
        "the patient is not in the table of patients (or their row there was set aside)",
    ),
    Rule("orphan_session", ROW, "the patient has no such session (or it was set aside)"),
    Rule("duplicate_copy", ROW, "the row is an exact copy of an earlier one, which is kept"),
    Rule(
        "duplicate_conflict",
        ROW,
        "rows with the same key disagree; all are set aside unless 'duplicates' in cohort.toml says "
        "which to keep",
    ),
    Rule("session_before_origin", ROW, "the session is before the patient's first session, which is hour 0"),
    Rule(
        "session_order", ROW, "the session numbers and the session times put the sessions in different orders"
    ),
    Rule("no_origin", ROW, "the patient has no session at hour 0 (day 0), so the clock has no start"),
    Rule(
        "origin_unknown",
        ROW,
        "the patient's first session is not known, so the clock has no known start: a session that "
        "may be the "
        "first was set aside, or the numbers of dated sessions begin above 1, as when an export "
        "begins within "
        "a course; add the earlier sessions, or leave 'session' out if the course does begin there",
    ),
    Rule("no_session", ROW, "the patient has no session, so there is no first session to count time from"),
    Rule("score_range", ROW, "the score is outside the instrument's range"),
    Rule("item_range", ROW, "an item is outside the range of the instrument's items"),
    Rule("items_total", ROW, "the score is not what the items add up to by the instrument's rule"),
    Rule(
        "items_missing",
        ROW,
        "too few items are answered for a score by the instrument's rule; a total of a few items is none",
    ),
    Rule(
        "score_step",
        ROW,
        "the instrument's scores are a multiple of whole items' sum, and this one is not: most likely it is "
        "the raw sum, which is to be multiplied",
    ),
    Rule(
        "merged_effect",
        ROW,
        "the session has the same side effect in another row, which is kept with the worst severity, the "
        "earliest onset and the time from there to the last end; that is missing where a row without an end, "
        "not said to be still there, may be the last",
    ),
    Rule(
        "none_and_effect",
        ROW,
        "the row says 'none', and the session has a side effect too, or a row that may be one; 'none' does "
        "not count",
    ),
    Rule(
        "unclear_effect",
        ROW,
        "the cell says NA, a dash, 'no ...', 'denies ...' or the like, which can mean 'none' or 'not "
        "known', or "
        "'none' with a severity; write 'none' or the side effect, or leave the row out",
    ),
    Rule(
        "session_number_unsure",
        ROW,
        "the sessions have no numbers in the file and one of this patient was set aside, so it is not sure "
        "which session is meant; give 'session' in the table of sessions",
    ),
    Rule(
        "minute_range",
        ROW,
        "the reading is more than a day before or two days after the start of the session",
    ),
    # Cells
    Rule("not_yes_or_no", CELL, "the cell should say yes or no and does not"),
    Rule("unknown_word", CELL, "the word is not one of those the column allows"),
    Rule("out_of_range", ("row", "cell"), "the number is outside the column's plausible range"),
    Rule(
        "dose_unit",
        CELL,
        "the dose is above 10 mg/kg, most likely milligrams in the mg/kg column; use dose_mg and weight_kg",
    ),
    Rule("dose_range", CELL, "the dose is outside 0.01 to 10 mg/kg"),
    Rule(
        "dose_mismatch",
        CELL,
        "dose_mg / weight_kg differs from dose_mg_per_kg by more than 5 %; dose_mg_per_kg is kept",
    ),
    Rule("weight_range", CELL, "the weight is outside 20 to 350 kg"),
    Rule("weight_pounds", CELL, "the weight fits the dose only if it is in pounds; give kilograms"),
    Rule("duration", CELL, "the duration is zero, negative or too long"),
    Rule("vital_range", CELL, "the reading is outside the plausible range"),
    Rule("pressure_order", CELL, "the diastolic pressure is not below the systolic; both are set aside"),
    Rule("month_form", CELL, "the month is not written as YYYY-MM"),
    # Notes
    Rule("reserved_column", NOTE, "the column is derived here, so that the file's own is not read"),
    Rule(
        "items_prorated",
        NOTE,
        "some items are blank, so the score was computed from the items answered by the instrument's rule, "
        "in place of the total given",
    ),
    Rule(
        "spellings_merged",
        NOTE,
        "words that differ in case or blanks alone, and for routes also in punctuation or as known synonyms, "
        "were read as one",
    ),
    Rule(
        "spellings",
        NOTE,
        "some words differ in blanks or punctuation alone and look like spellings of one another; they are "
        "kept apart; write each in one way",
    ),
    Rule(
        "product_route",
        NOTE,
        "the cell names a product and not a route, and is kept as written; give the route, e.g. IN for a "
        "nasal spray",
    ),
    Rule("unknown_file", NOTE, "the file is not one of the tables and was not read"),
    Rule("unknown_column", NOTE, "the column is not in the data dictionary and is kept as a covariate"),
    Rule(
        "date_column",
        NOTE,
        "the column holds dates, which only the table's own time column may; it is not kept",
    ),
    Rule(
        "unknown_instrument",
        NOTE,
        "the instrument is not in the catalogue: its scores are kept, and no range or direction is known",
    ),
    Rule("blank_lines", NOTE, "blank lines were passed over"),
)

RULES: Mapping[str, Rule] = MappingProxyType({rule.name: rule for rule in _ALL})


def reason(name: str) -> str:
    """Return the reason of the rule called `name`."""
    return RULES[name].reason
