"""Rules by which a reader sets rows of an export aside, before the cohort's own rules see them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from ketaoutcomes.cohort.rules import RULES as COHORT_RULES
from ketaoutcomes.cohort.rules import Rule

__all__ = ["READER_RULES", "RULES"]

ROW = ("row",)
FILE = ("file",)

_ALL = (
    # Every reader
    Rule("no_patient", ROW, "the row has no patient's code, so it belongs to nobody"),
    Rule(
        "no_session_then",
        ROW,
        "the row has a time and no session number, and the patient has no session at that time to which it "
        "could belong",
    ),
    Rule(
        "session_without_number",
        ROW,
        "the session to which the row belongs has no number, while others of the patient have, or one of the "
        "patient's sessions has no readable time, so that none can be counted; give the sessions' numbers",
    ),
    Rule(
        "session_time_unknown",
        ROW,
        "the row has neither a session number nor a readable time, so its session is not known",
    ),
    # REDCap
    Rule(
        "no_record_id",
        ROW,
        "the row has no record id, which REDCap writes into every row of an export; export again, and give "
        "the column of the record id as the patient's",
    ),
    # FHIR
    Rule(
        "packed_file",
        FILE,
        "the file is packed (gzip, zip or the like), and packed files are not opened; unpack it first, e.g. "
        "with gunzip",
    ),
    Rule(
        "fhir_too_large",
        FILE,
        "the file is larger than 2 GB, or 1 GB for a Bundle; export one resource per line (.ndjson) in "
        "several files of one folder",
    ),
    Rule("fhir_xml", FILE, "the file is XML; export the resources as JSON"),
    Rule("no_ndjson", FILE, "the folder holds no .ndjson file; give a Bundle, or a folder of .ndjson files"),
    Rule(
        "not_a_bundle",
        FILE,
        "the file holds one JSON value that is no Bundle; give a Bundle, or name a file with one resource "
        "per line .ndjson",
    ),
    Rule(
        "history_bundle",
        FILE,
        "the Bundle is a history, in which deleted resources have no content; export the current resources",
    ),
    Rule(
        "more_than_one_json",
        FILE,
        "something stands after the end of the JSON value; if the file has one resource per line, name it "
        ".ndjson",
    ),
    Rule("not_json", ("row", "file"), "the text is not valid JSON; export it again"),
    Rule("not_utf8", ("row", "file"), "the bytes are not UTF-8, as JSON must be; export it again"),
    Rule("line_too_long", ROW, "the line is longer than 64 MB, which no resource is"),
    Rule("too_deep", ("row", "file"), "brackets nest deeper than 100 levels, which no resource does"),
    Rule("duplicate_keys", ("row", "file"), "an element stands twice in one object; which counts is unknown"),
    Rule("not_finite", ("row", "file"), "the text holds NaN or Infinity, which are no JSON"),
    Rule("not_a_resource", ROW, "the line or entry is no JSON object, so it is no resource"),
    Rule("no_resource", ROW, "the entry holds no resource"),
    Rule("no_resource_type", ROW, "the resource does not say of which type it is (resourceType)"),
    Rule("no_resource_id", ROW, "the Patient has no id, so that nothing can refer to it"),
    Rule("bad_text", ROW, "a text holds control characters or halves of characters, which FHIR forbids"),
    Rule(
        "bundle_inside",
        ROW,
        "a Bundle inside a line or an entry is not opened; export its resources one per line (.ndjson)",
    ),
    Rule(
        "resource_status",
        ROW,
        "the resource's status says that it was entered in error, was not done, was cancelled or is not "
        "finished, or it has none",
    ),
    Rule("older_version", ROW, "the export has a later version of the same resource, which counts"),
    Rule(
        "two_servers",
        ROW,
        "resources of several servers have the same id, so that references cannot be told apart; export each "
        "server by itself",
    ),
    Rule(
        "modifier_extension",
        ROW,
        "a modifier extension changes what the resource means, in a way that is not known here",
    ),
    Rule(
        "contained_patient",
        ROW,
        "the patient stands inside the resource and has no id of their own; refer to a Patient of the export",
    ),
    Rule("patient_elsewhere", ROW, "the reference names a patient on another server than this export's"),
    Rule("condition_not_there", ROW, "the condition was refuted or entered in error"),
    Rule(
        "panel_code_as_total",
        ROW,
        "a value stands under the code of the whole questionnaire (panel), which has none; use the code of "
        "its total, e.g. 44261-6 for PHQ-9 and 70274-6 for GAD-7",
    ),
    Rule(
        "item_code_as_total",
        ROW,
        "a value above the range of one question stands under the question's code; use the total's code, "
        "e.g. 44261-6 for PHQ-9",
    ),
    Rule("two_codes", ROW, "the resource has codes of several instruments or measures, so none counts"),
    Rule("several_answers", ROW, "a question that has one number has several answers"),
    Rule(
        "items_not_known",
        ROW,
        "the questionnaire is known and none of its questions: linkId is neither a LOINC code nor the "
        "instrument with a number, e.g. phq9_1",
    ),
    Rule(
        "response_total_differs",
        ROW,
        "the total in the questionnaire's response and the Observation derived from it differ, so that "
        "neither counts",
    ),
    Rule(
        "same_as_response",
        ROW,
        "the score is that of the questionnaire's response it is derived from, which counts",
    ),
    Rule(
        "response_not_usable",
        ROW,
        "the score is derived from a questionnaire's response that was set aside",
    ),
    Rule("resource_without_value", ROW, "the resource holds no number that could be taken"),
    Rule(
        "resource_unit",
        ROW,
        "the unit is missing or none of those that are read; give the UCUM code, e.g. mm[Hg]",
    ),
    Rule("value_is_a_bound", ROW, "the value is a bound (less than, more than) and no measurement"),
    Rule("potential_event", ROW, "the event is one that might have happened (potential), and did not"),
    Rule(
        "preliminary",
        ROW,
        "the Observation is preliminary, and a final one of the same patient, code and time counts",
    ),
    Rule("weights_differ", ROW, "several weights of one day differ, so that none counts for the session"),
    # SDTM
    Rule(
        "never_treated",
        ROW,
        "the subject has no exposure (EX) that is a session, as after a screening failure",
    ),
    Rule(
        "other_treatment",
        ROW,
        "the study gives ketamine or esketamine, and the exposure is of another treatment: a medicine beside "
        "it, or a comparator by another route",
    ),
    Rule("not_done", ROW, "the row says that this was not done or did not occur"),
    Rule("no_result", ROW, "the row has no result"),
    Rule("vital_unit", ROW, "the result is in a unit that its test is not read in, or in none"),
    Rule("no_start_date", ROW, "the row has no date, so its session is not known"),
    Rule(
        "before_first_session",
        ROW,
        "it began, or was measured, before the first session, so that it is no effect of the treatment",
    ),
    Rule(
        "session_uncertain",
        ROW,
        "the date leaves several sessions possible, or a session and the time before the first",
    ),
)

READER_RULES: Mapping[str, Rule] = MappingProxyType({rule.name: rule for rule in _ALL})
# A row may also be set aside by a rule that the cohort's own tables have, such as too_few_cells.
RULES: Mapping[str, Rule] = MappingProxyType({**COHORT_RULES, **READER_RULES})
