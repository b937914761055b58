"""Named definitions hold what their sources say."""

from __future__ import annotations

import itertools

import pytest

from ketaoutcomes.catalog.definitions import (
    BASELINE_RULES,
    OUTCOMES,
    PHASE_RULES,
    WINDOWS,
    baseline_rule,
    default_outcome,
    definitions_from,
    outcome,
    outcomes_for,
    phase_rule,
    window,
)
from ketaoutcomes.catalog.entries import read_toml
from ketaoutcomes.catalog.instruments import INSTRUMENTS
from ketaoutcomes.errors import DataError


@pytest.mark.parametrize("catalog", [OUTCOMES, WINDOWS, PHASE_RULES, BASELINE_RULES])
def test_every_definition_has_words_and_a_source(catalog):
    for name, known in catalog.items():
        assert known.name == name
        assert known.label
        assert len(known.text) > 15
        assert known.source.strip()
        assert known.verified or "unverified" in known.citation


def test_rules_of_this_library_are_never_shown_as_verified():
    for catalog in (OUTCOMES, WINDOWS, PHASE_RULES, BASELINE_RULES):
        for known in catalog.values():
            if "this library" in known.source or known.source.startswith(("Common", "Convention", "Carried")):
                assert not known.verified


def test_remission_below_5_takes_4_and_a_half_but_not_5():
    below = outcome("remission_phq9_lt5")
    assert 4.5 <= below.max_score < 5
    assert below.threshold == "< 5"
    assert outcome("remission_phq9_le5").max_score == 5


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [("PHQ-9", "response", "response_50"), ("PHQ-9", "remission", "remission_phq9_lt5"),
     ("GAD-7", "response", "response_50"), ("MADRS", "remission", "remission_madrs_le10"),
     ("QIDS-SR16", "remission", "remission_qids_le5"), ("HAM-D17", "remission", "remission_hamd17_le7"),
     ("PCL-5", "response", "response_pcl5_15"), ("CAPS-5", "response", "response_caps5_30"),
     ("Y-BOCS", "response", "response_ybocs_35"), ("NRS-pain", "response", "response_pain_30"),
     ("Mood-NRS", "response", "response_50_by_convention"), ("MADRS", "relapse", "relapse_sustain1")],
)  # fmt: skip
def test_defaults(name, kind, expected):
    assert default_outcome(name, kind).name == expected


@pytest.mark.parametrize(
    ("name", "fraction"),
    [
        ("response_50", 0.5),
        ("response_caps5_30", 0.3),
        ("response_ybocs_35", 0.35),
        ("response_pain_30", 0.3),
    ],
)
def test_response_fractions(name, fraction):
    assert outcome(name).min_fraction == fraction


@pytest.mark.parametrize(
    ("name", "threshold"),
    [("remission_madrs_lt9", "< 9"), ("remission_madrs_lt10", "< 10"), ("remission_madrs_le10", "≤ 10"),
     ("remission_madrs_le12", "≤ 12"), ("remission_ybocs_le14", "≤ 14"), ("remission_ybocs_le12", "≤ 12"),
     ("remission_hama_le7", "≤ 7"), ("remission_sds_le6", "≤ 6"), ("remission_isi_lt8", "< 8"),
     ("end_state_pcl5_le28", "≤ 28"), ("end_state_caps5_le8", "≤ 8"), ("relapse_sustain1", "≥ 22"),
     ("relapse_hamd_18", "≥ 18")],
)  # fmt: skip
def test_thresholds_as_published(name, threshold):
    assert outcome(name).threshold == threshold
    assert outcome(name).verified


@pytest.mark.parametrize("name", ["PHQ-9", "MADRS", "Y-BOCS", "PCL-5"])
def test_where_several_are_published_each_says_so(name):
    kind = "response" if name == "PCL-5" else "remission"
    known = list(outcomes_for(name, kind))
    assert len(known) >= 2
    assert all("one of several published" in entry.citation for entry in known)


def test_no_default_names_what_can_be_asked_for():
    with pytest.raises(DataError, match="no default remission is published for CAPS-5; name one of"):
        default_outcome("CAPS-5", "remission")
    with pytest.raises(
        DataError, match="no default response is published for SDS; name one of: response_sds_12"
    ):
        default_outcome("SDS", "response")
    with pytest.raises(DataError, match="none is known"):
        default_outcome("CADSS")


def test_an_unknown_name_names_the_choices():
    with pytest.raises(DataError, match=r"did you mean .*remission_phq9_le5.*\?"):
        outcome("remission_phq9_5")
    with pytest.raises(DataError, match="24_hours"):
        window("24h")
    with pytest.raises(DataError, match="induction_mcinnes"):
        phase_rule("induction")
    with pytest.raises(DataError, match="last_14_days"):
        baseline_rule("last")
    with pytest.raises(DataError, match="known kinds"):
        outcomes_for("PHQ-9", "cure")


def test_end_of_induction_is_14_to_31_days_after_the_last_induction_session():
    known = window("end_of_induction")
    assert known.anchor == "last_induction_session"
    assert known.verified
    # Days to the nearest whole day: 14 d - 12 h = 324 h belongs to it, 31 d + 12 h = 756 h is day 32.
    assert (known.low_hours, known.target_hours, known.high_hours) == (324, 504, 756)
    assert "nearest whole day" in known.text


@pytest.mark.parametrize(
    ("name", "low", "high", "target"),
    [("24_hours", 18, 36, 24), ("day_2", 36, 60, 48), ("72_hours", 60, 84, 72), ("2_hours", 1, 3, 2)],
)
def test_windows_in_hours(name, low, high, target):
    known = window(name)
    assert (known.low_hours, known.high_hours, known.target_hours) == (low, high, target)
    assert not known.verified


@pytest.mark.parametrize(
    ("name", "first_day", "last_day"),
    [("day_2", 2, 2), ("72_hours", 3, 3), ("day_7", 6, 8), ("day_10", 9, 11), ("day_14", 12, 16),
     ("day_21", 18, 24), ("day_28", 25, 31), ("week_4", 25, 34), ("week_6", 35, 48), ("week_8", 49, 62),
     ("week_12", 70, 97), ("week_26", 168, 195), ("end_of_induction", 14, 31)],
)  # fmt: skip
def test_windows_in_days_hold_whole_days_with_half_a_day_on_either_side(name, first_day, last_day):
    known = window(name)
    assert (known.low_hours, known.high_hours) == (24 * first_day - 12, 24 * last_day + 12)


@pytest.mark.parametrize(
    "names",
    [["2_hours", "4_hours", "24_hours", "day_2", "72_hours", "day_7", "day_10", "day_14", "day_21", "day_28"],
     ["week_4", "week_6", "week_8", "week_12", "week_26"]],
)  # fmt: skip
def test_windows_of_one_family_do_not_overlap(names):
    family = [window(name) for name in names]
    for earlier, later in itertools.pairwise(family):
        assert earlier.high_hours <= later.low_hours


def test_phase_rules_as_published():
    mcinnes = phase_rule("induction_mcinnes")
    assert (mcinnes.min_sessions, mcinnes.max_sessions, mcinnes.min_days, mcinnes.max_days) == (4, 8, 7, 28)
    oliver = phase_rule("induction_oliver")
    assert (oliver.min_sessions, oliver.max_days) == (6, 21)
    assert phase_rule("induction_crtce").max_sessions == 4
    assert not phase_rule("induction_mgh").verified


def test_baseline_is_the_last_score_of_14_days():
    known = baseline_rule("last_14_days")
    assert (known.low_hours, known.high_hours, known.which) == (-336, 0, "last")
    assert baseline_rule("last_30_days").low_hours == -720


def test_sustain1_relapse_has_both_routes_and_the_dates_between_assessments():
    known = outcome("relapse_sustain1")
    assert (known.min_score, known.consecutive, known.min_days_apart, known.max_days_apart) == (22, 2, 5, 15)
    assert known.needs_more
    assert "admission" in known.text


def test_no_meaningful_benefit_includes_30_percent():
    known = outcome("no_benefit_30")
    assert known.max_fraction == 0.3
    assert known.max_fraction_included
    assert known.verified


def test_an_outcome_is_never_meant_for_an_instrument_where_lower_is_worse():
    for known in OUTCOMES.values():
        assert all(INSTRUMENTS[name].higher_is == "worse" for name in known.instruments)


def test_thresholds_lie_within_the_instruments_range():
    for known in OUTCOMES.values():
        for name in known.instruments:
            entry = INSTRUMENTS[name]
            for score in (known.max_score, known.min_score):
                assert score is None or entry.minimum <= score < entry.maximum


@pytest.mark.parametrize(
    ("section", "name", "changes", "message"),
    [
        ("outcome", "response_50", {"kind": "cure"}, "unknown kind 'cure'"),
        ("outcome", "response_50", {"instruments": ["PHQ-99"]}, "'PHQ-99' is not an instrument"),
        ("outcome", "response_50", {"min_fraction": 50}, "a fraction must be"),
        ("outcome", "response_50", {"source": ""}, "'source' is empty"),
        ("outcome", "remission_phq9_le5", {"default_for": ["PHQ-9"]}, "both the default remission of PHQ-9"),
        ("window", "day_7", {"target_hours": 1}, "the target is not inside"),
        ("window", "day_7", {"anchor": "noon"}, "unknown anchor"),
        ("baseline_rule", "last_14_days", {"high_hours": 5}, "at or before the first session"),
        ("phase_rule", "induction_mcinnes", {"max_sessions": 2}, "fewer sessions at most"),
    ],
)
def test_an_inconsistent_definition_is_refused_with_the_reason(section, name, changes, message):
    content = read_toml("definitions.toml")
    content[section][name] |= changes
    with pytest.raises(DataError, match=message):
        definitions_from(content)
