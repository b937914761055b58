"""Sections 6 and 7: rare events, how long effects last, vital signs, dissociation, and what is hidden."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.cohort.read import assemble
from ketaoutcomes.report.disclosure import Gate
from ketaoutcomes.report.monthly import monthly_report

SHOW, SUPPRESS = Gate("show"), Gate("suppress")
COUNTS = ("n_events", "n")


def section_of(report, number):
    return next(part for part in report.sections if part.number == number)


def rules(*rows):
    """Excursions: rule, events, patients with one; of 200 sessions of 80 patients."""
    frame = pd.DataFrame(rows, columns=["rule", "n_events", "n_patients_with"])
    frame["n"], frame["n_patients"] = 200, 80
    frame["estimate"] = frame["conf_low"] = frame["conf_high"] = frame["n_events"] / 200
    return frame


def peaks(*rows):
    """Highest scores: group, sessions, patients, sessions beyond the threshold."""
    frame = pd.DataFrame(rows, columns=["session_group", "n", "n_patients", "n_events"])
    for name in ("median", "p25", "p75", "estimate", "conf_low", "conf_high"):
        frame[name] = 4.0
    for name in ("share", "share_low", "share_high"):
        frame[name] = frame["n_events"] / frame["n"]
    return frame


def test_section_seven_is_about_the_hours_of_a_session(shown):
    section = section_of(shown, 7)
    assert section.question == "What happens during sessions?"
    assert [figure.label for figure in section.figures] == ["Fig. 7a", "Fig. 7b", "Fig. 7c"]
    table = shown.tables["excursions"].set_index("rule")
    at = table.loc["bp_165_100"]
    assert f"{100 * at['estimate']:.0f}% of sessions had a reading at or above 165/100" in shown.html
    assert at["estimate"] == pytest.approx(at["n_events"] / at["n"])


def test_section_six_has_rare_events_with_denominators_and_how_long_effects_last(shown):
    titles = [table.caption for table in section_of(shown, 6).tables]
    assert titles == [
        "Side effects per session", "How long they last", "Serious events, early stops, rescue medication",
    ]  # fmt: skip
    events = shown.tables["safety_events"]
    known = events[events["n_events"] > 0]
    np.testing.assert_allclose(
        known["estimate"].astype(float), (known["n_events"] / known["n"]).astype(float), rtol=1e-12
    )
    assert events["n"].notna().all()


def test_no_small_count_leaves_by_the_new_tables(suppressed):
    for name in ("safety_events", "excursions", "gone_by_discharge", "side_effects_per_session"):
        table = suppressed.tables[name]
        for column in COUNTS:
            if column in table:
                values = table[column].dropna().astype(int)
                assert not values.between(1, 10).any(), (name, column)
    assert suppressed.tables["dissociation_by_session"]["n"].isna().all()
    assert suppressed.tables["blood_pressure_course"]["n_patients"].isna().all()
    assert "n_patients" not in suppressed.tables["side_effects_per_session"]


def test_a_narrower_rule_is_hidden_where_the_wider_one_would_give_a_small_count_away():
    table = rules(("wide", 31, 25), ("narrow", 24, 20), ("apart", 80, 50))
    frame = SUPPRESS.excursions("excursions", table, place="here", within=[("wide", "narrow")]).frame
    assert (frame["suppressed"] != "").tolist() == [False, True, False]
    assert np.isnan(frame.loc[1, "estimate"])
    assert frame.loc[1, "n_events"] is pd.NA
    far = rules(("wide", 60, 50), ("narrow", 24, 20))
    kept = SUPPRESS.excursions("excursions", far, place="here", within=[("wide", "narrow")]).frame
    assert kept["suppressed"].tolist() == ["", ""]
    patients_close = rules(("wide", 60, 25), ("narrow", 24, 20))
    frame = SUPPRESS.excursions("excursions", patients_close, place="here", within=[("wide", "narrow")]).frame
    assert frame.loc[1, "suppressed"] != ""
    shown = SHOW.excursions("excursions", table, place="here", within=[("wide", "narrow")]).frame
    assert shown["n_events"].tolist() == [31, 24, 80]


def test_highest_scores_of_few_patients_or_with_a_small_count_are_hidden():
    table = peaks(
        ("1", 60, 60, 30), ("2", 40, 8, 20), ("3", 40, 40, 6), ("4-6", 40, 40, 35), ("7+", 50, 15, 20)
    )  # fmt: skip
    given = SUPPRESS.peaks("dissociation", table, place="here")
    frame = given.frame
    assert (frame["suppressed"] != "").tolist() == [False, True, True, True, False]
    assert np.isnan(frame.loc[1, "median"])
    # Quartiles need 20 patients, the median more than 10.
    assert np.isnan(frame.loc[4, "p25"])
    assert frame.loc[4, "median"] == 4.0
    assert frame[["n", "n_patients", "n_events"]].isna().all(axis=None)
    assert given.hidden


@pytest.mark.parametrize("small_cells", ["show", "suppress"])
def test_without_vital_signs_and_scales_the_section_says_not_recorded(clinic, small_cells):
    tables, settings = clinic
    kept = {name: table for name, table in tables.items() if name != "vitals"}
    kept["scores"] = kept["scores"][kept["scores"]["instrument"] != "CADSS"]
    report = monthly_report(assemble(kept, settings), small_cells=small_cells)
    section = section_of(report, 7)
    assert section.figures == ()
    assert section.notes == ("Vital signs are not recorded.", "Dissociation by CADSS is not recorded.")
    assert not re.search(r"\b(nan|inf|None|<NA>|NaT)\b", re.sub(r"<[^>]+>", " ", report.html))


def test_a_clinic_without_side_effects_still_reports_early_stops(clinic):
    tables, settings = clinic
    kept = {name: table for name, table in tables.items() if name != "side_effects"}
    report = monthly_report(assemble(kept, settings), small_cells="show")
    section = section_of(report, 6)
    assert any("This is not zero" in note for note in section.notes)
    events = report.tables["safety_events"]
    assert "serious side effect" not in set(events["event"])
    assert "session stopped early" in set(events["event"])


def effects(*rows):
    """Rates per session of one way: effect, events, patients with it; of 200 sessions of 80 patients."""
    frame = pd.DataFrame(rows, columns=["effect", "n_events", "n_patients_with_event"])
    frame["ascertainment"], frame["n"], frame["n_patients"] = "checklist", 200, 80
    frame["estimate"] = frame["conf_low"] = frame["conf_high"] = frame["n_events"] / 200
    return frame.assign(method="cluster-robust logit", conf_high_sessions=0.1)


def test_patients_without_an_effect_are_counted_and_not_shown():
    table = effects(("any", 90, 72), ("nausea", 60, 40), ("headache", 85, 50), ("rest", 40, 30))
    given = SUPPRESS.effects("side_effects_per_session", table, place="here", whole="any").frame
    # 72 of 80 leave 8 patients without any effect.
    assert (given["suppressed"] != "").tolist() == [True, False, False, False]
    assert "n_patients_with_event" not in given
    assert given.loc[0, "method"] == ""
    assert np.isnan(given.loc[0, "conf_high_sessions"])
    whole = effects(("any", 90, 60), ("nausea", 85, 40), ("headache", 40, 55), ("rest", 40, 30))
    given = SUPPRESS.effects("side_effects_per_session", whole, place="here", whole="any").frame
    # Nausea is all but 5 of the sessions, headache all but 5 of the patients with any effect.
    assert (given["suppressed"] != "").tolist() == [False, True, True, False]


def test_the_number_of_whom_a_stop_is_not_known_is_no_subtraction():
    table = pd.DataFrame(
        {
            "event": ["stopped"], "ascertainment": [""], "per": ["patient"], "n_events": [0], "n": [33],
            "n_patients": [33], "n_patients_with": [0], "n_unknown": [10], "estimate": [0.0],
            "conf_low": [0.0], "conf_high": [0.1], "conf_high_sessions": [np.nan], "method": ["exact"],
        }
    )  # fmt: skip
    given = SUPPRESS.rare_events("safety_events", table, place="here", sizes=(43, 60)).frame
    assert given.loc[0, "suppressed"] != ""
    assert given["n"].isna().all()
    far = table.assign(n_unknown=30)
    kept = SUPPRESS.rare_events("safety_events", far, place="here", sizes=(63,)).frame
    assert kept.loc[0, "n"] == 33


def test_rounded_shares_do_not_tell_their_numbers():
    table = peaks(("1", 23, 23, 11), ("all", 193, 50, 84))
    frame = SUPPRESS.peaks("dissociation", table, place="here").frame
    assert frame["share"].tolist() == [0.48, 0.44]
    limits = {"conf_low": [0.351], "conf_high": [0.52]}
    table = pd.DataFrame({"estimate": [84 / 193], **limits, "n_patients": [50]})
    assert SUPPRESS.shares("gone", table, place="here", decimals=2).frame["estimate"].tolist() == [0.44]


def test_rules_known_of_a_few_sessions_less_are_hidden():
    table = rules(("wide", 60, 50), ("change", 40, 30))
    table["n"] = [200, 194]
    given = SUPPRESS.excursions("excursions", table, place="here", within=[]).frame
    assert given.loc[1, "suppressed"] != ""
    assert given["n"].isna().tolist() == [False, True]


def test_a_few_patients_or_all_but_a_few_are_called_starters(clinic):
    from ketaoutcomes.report.scope import make_scope
    from ketaoutcomes.report.settings import ReportSettings

    tables, settings = clinic
    scope = make_scope(
        assemble(tables, settings), month=None, instrument=None, gate=SUPPRESS, level=0.95,
        settings=ReportSettings(),
    )  # fmt: skip
    n = scope.n_starters
    assert scope.of_starters(7) == "starters"
    assert scope.of_starters(n - 3) == "starters"
    assert str(n - 15) in scope.of_starters(n - 15)


def test_a_rule_hidden_for_another_reason_does_not_show_how_many_sessions_have_no_reading():
    # 315 sessions have a reading and 309 one before and after: two rules of these, one of them small.
    rows = [("wide", 40, 315), ("rise", 37, 309), ("steep", 4, 309)]
    table = pd.DataFrame(rows, columns=["rule", "n_events", "n"]).assign(n_patients=43, n_patients_with=20)
    table["estimate"] = table["conf_low"] = table["conf_high"] = table["n_events"] / table["n"]
    frame = SUPPRESS.excursions("excursions", table, place="here", within=[]).frame
    assert frame["n"].isna().tolist() == [False, True, True]
