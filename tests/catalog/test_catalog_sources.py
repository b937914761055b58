"""The catalogue agrees with the table of facts that were checked against sources.

The table has a row per fact with a status: confirmed and corrected facts are shipped as verified,
conflicting ones as one of several, and what was not found is not shipped or says unverified.
"""

from __future__ import annotations

import csv
import re

import pytest

from ketaoutcomes.catalog.benchmarks import BENCHMARKS
from ketaoutcomes.catalog.definitions import OUTCOMES
from ketaoutcomes.catalog.instruments import INSTRUMENTS

# What the catalogue does not hold: codes of other systems, and thresholds on vital signs.
ELSEWHERE = ("LOINC", "RxNorm", "APA consensus 2017")


@pytest.fixture(scope="module")
def facts(shared):
    with (shared / "constants.csv").open(encoding="utf-8", newline="") as file:
        return {(row["topic"], row["item"]): row for row in csv.DictReader(file)}


def entry(name, part, key):
    """The value of that name among an instrument's band sets, changes, cut-offs."""
    return next((value for value in getattr(INSTRUMENTS[name], part) if value.name == key), None)


def only_unverified(values):
    return all(not value.verified and "unverified" in value.citation for value in values)


def reliability(name, kind, value):
    return [entry for entry in INSTRUMENTS[name].reliability if (entry.kind, entry.value) == (kind, value)]


def benchmarks_named(*names):
    return [BENCHMARKS[name] for name in names]


def no_benchmark_of(*sizes):
    return all({known.n, known.n_study}.isdisjoint(sizes) for known in BENCHMARKS.values())


def not_filled_in(name):
    rule = INSTRUMENTS[name].rule
    return rule.max_missing_items == 0 and not rule.missing_verified


# One entry per row of the table with status "not found": true when the catalogue does not ship the
# fact as verified.
NOT_FOUND = {
    ("PHQ-9", "test-retest r .84 over 48 h"): lambda: only_unverified(reliability("PHQ-9", "retest", 0.84)),
    ("GAD-7", "missing-item rule"): lambda: not_filled_in("GAD-7"),
    ("MADRS", "Turkoz 2021 6 meaningful / 12 substantial"): lambda: (
        {change.value for change in INSTRUMENTS["MADRS"].changes}.isdisjoint({6, 12})
    ),
    ("MADRS", "prorating rule"): lambda: not_filled_in("MADRS"),
    ("MADRS", "item 10 >=4 safety flag"): lambda: (
        only_unverified([INSTRUMENTS["MADRS"].safety_item])
        and "not a published" in INSTRUMENTS["MADRS"].safety_item.citation
    ),
    ("QIDS-SR16", "MCID ~2 points"): lambda: INSTRUMENTS["QIDS-SR16"].changes == (),
    ("BDI-II", "remission <=9-12"): lambda: only_unverified(
        [OUTCOMES["remission_bdi2_le9"], OUTCOMES["remission_bdi2_le12"]]
    ),
    ("PCL-5", "missing-item rule"): lambda: not_filled_in("PCL-5"),
    ("Y-BOCS", "remission <=12 plus CGI-S<=2 for >=1 wk"): lambda: only_unverified(
        [OUTCOMES["remission_ybocs_consensus"]]
    ),
    ("WHO-5", "10-point relevant change"): lambda: only_unverified(INSTRUMENTS["WHO-5"].changes),
    ("SDS", "response <=12"): lambda: only_unverified(
        [OUTCOMES["response_sds_12"], entry("SDS", "cutoffs", "response_12")]
    ),
    ("SDS", "MCID 4"): lambda: only_unverified(INSTRUMENTS["SDS"].changes),
    ("WSAS", "MCID 8 (Zahra 2014)"): lambda: only_unverified(INSTRUMENTS["WSAS"].changes),
    ("Q-LES-Q-SF", "MCID 12 %"): lambda: only_unverified(INSTRUMENTS["Q-LES-Q-SF"].changes),
    ("FIQR", "bands <39/39-58/>=59"): lambda: all(
        {band.low for band in chosen.bands}.isdisjoint({39, 59}) for chosen in INSTRUMENTS["FIQR"].band_sets
    ),
    ("DAST-10", "bands 1-2/3-5/6-8/9-10"): lambda: only_unverified(
        [*INSTRUMENTS["DAST-10"].band_sets, *INSTRUMENTS["DAST-10"].bands]
    ),
    ("BPIC-SS", "cut 19, range 0-38"): lambda: only_unverified(
        [INSTRUMENTS["BPIC-SS"], *INSTRUMENTS["BPIC-SS"].cutoffs]
    ),
    ("SUSTAIN-1", "stable response"): lambda: only_unverified([OUTCOMES["stable_response_sustain1"]]),
    ("SUSTAIN-1", "responders HR 0.30"): lambda: only_unverified(
        benchmarks_named("sustain1_responders_hazard_ratio")
    ),
    ("Murrough 2013 BP", "relapse definition"): lambda: only_unverified([OUTCOMES["relapse_murrough"]]),
    ("aan het Rot 2010", "relapse and numbers"): lambda: only_unverified(
        [
            OUTCOMES["relapse_aanhetrot"],
            *benchmarks_named("aanhetrot_2010_response", "aanhetrot_2010_relapse_days"),
        ]
    ),
    ("Singh 2016", "response 69/54 %"): lambda: only_unverified(
        benchmarks_named("singh_2016_twice_response", "singh_2016_thrice_response")
    ),
    ("Wilkinson 2018 IPD", "24-h SI-free 55 v 24 %"): lambda: only_unverified(
        benchmarks_named("wilkinson_2018_si_free_ketamine", "wilkinson_2018_si_free_control")
    ),
    ("benchmark", "Anand 2023 relapse 6 mo"): lambda: only_unverified(
        benchmarks_named("anand_2023_relapse_ketamine", "anand_2023_relapse_ect")
    ),
    ("benchmark", "Wajs 2020 sponsor stop"): lambda: only_unverified(
        benchmarks_named("sustain2_induction", "sustain2_maintenance")
    ),
    ("BP cohort", "135 pts / 741 infusions, +7.4/+6.0"): lambda: no_benchmark_of(135, 741),
    ("esketamine label", "pre-dose 140/90"): lambda: all(
        "140" not in known.definition for known in BENCHMARKS.values()
    ),
    ("esketamine label", "CADSS 61-84 %"): lambda: all(
        (known.estimate, known.estimate_high) != (61, 84) for known in BENCHMARKS.values()
    ),
}  # fmt: skip


@pytest.mark.parametrize("fact", NOT_FOUND, ids=lambda fact: f"{fact[0]}: {fact[1]}")
def test_what_was_not_found_is_not_shipped_as_verified(facts, fact):
    assert facts[fact]["status"] == "not found"
    assert NOT_FOUND[fact]()


def test_no_fact_that_was_not_found_is_overlooked(facts):
    missing = {key for key, row in facts.items() if row["status"] == "not found" and key[0] not in ELSEWHERE}
    assert missing == set(NOT_FOUND)
    assert len(missing) >= 25


def lowest_scores(text):
    """Where each band begins, from "0-4/5-9" or "<=7/8-14/>=24" or ">30" as printed."""
    starts = []
    for part in text.split("/"):
        numbers = [int(number) for number in re.findall(r"\d+", part)]
        if part.strip().startswith(">="):
            starts.append(numbers[0])
        elif part.strip().startswith(">"):
            starts.append(numbers[0] + 1)
        elif part.strip().startswith("<"):
            starts.append(0)
        else:
            starts.append(numbers[0])
    return starts


@pytest.mark.parametrize(
    ("name", "item", "band_set"),
    [
        ("PHQ-9", "severity bands", "kroenke_2001"),
        ("MADRS", "severity bands", "snaith_1986"),
        ("HAM-D17", "bands set A", "camcops_8_14_19_23"),
        ("QIDS-SR16", "severity", "ids_qids_org"),
        ("BDI-II", "bands", "manual_1996"),
        ("HAM-A", "bands classic", "classic"),
        ("HAM-A", "bands empirical", "matza_2010"),
        ("YMRS", "bands set A", "gdansk"),
        ("FIQR", "severity bands", "italian_survey_2020"),
        ("ISI", "bands", "bastien_2001"),
    ],
)
def test_bands_begin_where_the_table_says(facts, name, item, band_set):
    row = facts[name, item]
    chosen = entry(name, "band_sets", band_set)
    assert [band.low for band in chosen.bands] == lowest_scores(row["value"])
    assert chosen.verified
    assert chosen.conflicting or row["status"] != "conflicting"


def test_audit_zones_are_verified_up_to_the_third(facts):
    bands = INSTRUMENTS["AUDIT"].bands
    assert [band.low for band in bands[:3]] == lowest_scores(facts["AUDIT", "zones"]["value"])
    assert [band.verified for band in bands] == [True, True, True, False]


def test_instruments_without_bands_in_the_table_have_none(facts):
    assert facts["PCL-5", "severity bands"]["value"].startswith("none")
    assert INSTRUMENTS["PCL-5"].band_sets == ()


RUSH = "meaningful / substantial change"

# (row, the shipped value, the numbers that both must hold)
VALUES = [
    (("PHQ-9", "MCID individual change"), ("PHQ-9", "changes", "lowe_2004"), [5]),
    (("PHQ-9", "MCID patient anchored"), ("PHQ-9", "changes", "kounali_2022_percent"), [21]),
    (("PHQ-9", "meaningful change in TRD"), ("PHQ-9", "changes", "transform_trd"), [6]),
    (("PHQ-9", "case threshold (NHS)"), ("PHQ-9", "cutoffs", "nhs_caseness"), [10]),
    (("GAD-7", "MCID"), ("GAD-7", "changes", "toussaint_2020"), [4]),
    (("GAD-7", "MCID patient anchored"), ("GAD-7", "changes", "kounali_2022_percent"), [26.8]),
    (("GAD-7", "reliable change index"), ("GAD-7", "changes", "bischoff_2020"), [6]),
    (("MADRS", "meaningful change in TRD"), ("MADRS", "changes", "transform_trd"), [10]),
    (("MADRS", "severe cut v. HAM-D 28"), ("MADRS", "cutoffs", "severe_35"), [35]),
    (("MADRS", "severe cut v. CGI"), ("MADRS", "cutoffs", "severe_31"), [31]),
    (("HAM-D17", "much improved"), ("HAM-D17", "changes", "bobo_2016"), [11]),
    (("HAM-D17", "NICE 3-point threshold"), ("HAM-D17", "changes", "nice_3"), [3]),
    (("HAM-D17", RUSH), ("HAM-D17", "changes", "rush_2021_meaningful"), [3.9, 5.8]),
    (("HAM-D17", RUSH), ("HAM-D17", "changes", "rush_2021_substantial"), [7.8, 11.6]),
    (("HAM-D6", RUSH), ("HAM-D6", "changes", "rush_2021_meaningful"), [2.2, 3.2]),
    (("HAM-D6", RUSH), ("HAM-D6", "changes", "rush_2021_substantial"), [4.5, 6.4]),
    (("BDI-II", "MCID"), ("BDI-II", "changes", "button_2015"), [17.5]),
    (("BDI-II", "MCID treatment-resistant"), ("BDI-II", "changes", "button_2015_non_responders"), [32]),
    (("BDI-II", "MCID Kounali"), ("BDI-II", "changes", "kounali_2022_percent"), [23]),
    (("PCL-5", "provisional cut"), ("PCL-5", "cutoffs", "provisional"), [31, 33]),
    (("PCL-5", "reliable change"), ("PCL-5", "changes", "marx_2022_15"), [15]),
    (("PCL-5", "reliable change"), ("PCL-5", "changes", "marx_2022_18"), [18]),
    (("PCL-5", "older guidance"), ("PCL-5", "changes", "older_guidance_5"), [5]),
    (("PCL-5", "older guidance"), ("PCL-5", "changes", "older_guidance_10"), [10]),
    (("PCL-5", "primary-care MID"), ("PCL-5", "changes", "blanchard_2023"), [9, 12]),
    (("PCL-5", "NYS improvement rule"), ("PCL-5", "changes", "nys_12"), [12]),
    (("CAPS-5", "reliable change"), ("CAPS-5", "changes", "marx_2022_13"), [13]),
    (("CAPS-5", "reliable change"), ("CAPS-5", "changes", "marx_2022_12"), [12]),
    (("Y-BOCS", "response"), ("Y-BOCS", "changes", "farris_2013"), [35]),
    (("WHO-5", "low well-being and depression cuts"), ("WHO-5", "cutoffs", "low_well_being"), [50]),
    (("WHO-5", "low well-being and depression cuts"), ("WHO-5", "cutoffs", "likely_depression"), [28]),
    (("CADSS", ">4 split"), ("CADSS", "cutoffs", "esketamine_programme_4"), [4]),
    (("BPI", "interference MCID"), ("BPI-interference", "changes", "immpact_1"), [1]),
    (("BPI", "MCID average pain / severity"), ("BPI-severity", "changes", "mease_2011"), [2.2]),
    (("BPI", "MCID average pain / severity"), ("BPI-severity", "changes", "mease_2011_average_pain"), [2.1]),
    (("Pain NRS", "MCID"), ("NRS-pain", "changes", "farrar_2001_points"), [2]),
    (("ISI", "MID"), ("ISI", "changes", "yang_2009"), [6]),
    (("ISI", "moderate improvement"), ("ISI", "changes", "morin_2011"), [8.4]),
    (("ISI", "case cut community"), ("ISI", "cutoffs", "community_10"), [10]),
    (("AUDIT", "cut"), ("AUDIT", "cutoffs", "hazardous_8"), [8]),
    (("AUDIT-C", "cut"), ("AUDIT-C", "cutoffs", "women_3"), [3]),
    (("AUDIT-C", "cut"), ("AUDIT-C", "cutoffs", "men_4"), [4]),
    (("MoCA", "normal"), ("MoCA", "cutoffs", "normal_26"), [26]),
]  # fmt: skip


@pytest.mark.parametrize(("fact", "where", "numbers"), VALUES, ids=lambda part: "/".join(map(str, part)))
def test_shipped_values_are_those_of_the_table(facts, fact, where, numbers):
    row = facts[fact]
    value = entry(*where)
    shipped = [value.value] if value.value_high is None else [value.value, value.value_high]
    assert shipped == numbers
    printed = [float(number) for number in re.findall(r"\d+(?:\.\d+)?", row["value"])]
    assert set(numbers) <= set(printed)
    assert row["status"] in ("confirmed", "corrected", "conflicting")
    assert value.verified
    assert value.conflicting or row["status"] != "conflicting"


OUTCOME_ROWS = [
    (("PHQ-9", "remission in SUSTAIN-3 table"), "remission_phq9_lt5"),
    (("PHQ-9", "remission VA cohort"), "remission_phq9_le5"),
    (("MADRS", "remission esketamine phase 3"), "remission_madrs_le12"),
    (("MADRS", "remission esketamine phase 2"), "remission_madrs_le10"),
    (("HAM-D17", "remission"), "remission_hamd17_le7"),
    (("HAM-A", "remission"), "remission_hama_le7"),
    (("Y-BOCS", "remission Farris"), "remission_ybocs_le14"),
    (("Y-BOCS", "remission consensus"), "remission_ybocs_le12"),
    (("PCL-5", "clinically significant score"), "end_state_pcl5_le28"),
    (("CAPS-5", "clinically significant score"), "end_state_caps5_le8"),
]


@pytest.mark.parametrize(("fact", "name"), OUTCOME_ROWS, ids=lambda part: str(part))
def test_remission_thresholds_are_those_of_the_table(facts, fact, name):
    row = facts[fact]
    assert row["status"] in ("confirmed", "corrected")
    assert OUTCOMES[name].verified
    assert OUTCOMES[name].threshold.replace(" ", "").replace("≤", "<=") == row["value"]


def test_conflicting_facts_are_one_of_several(facts):
    for name, item, values in [
        ("GAD-7", "reliable change", [entry("GAD-7", "changes", "bischoff_2020")]),
        ("MADRS", "alternative cut points", [entry("MADRS", "band_sets", "cuts_12_24_35")]),
        ("HAM-D17", "empirical cuts", [entry("HAM-D17", "band_sets", "zimmerman_2013")]),
        ("YMRS", "bands set B", [entry("YMRS", "band_sets", "cambio")]),
        ("Pain NRS", "bands set A", [entry("NRS-pain", "band_sets", "cuts_5_7")]),
        ("Pain NRS", "bands set B", [entry("NRS-pain", "band_sets", "cuts_4_7")]),
        ("Y-BOCS", "remission cut", [OUTCOMES["remission_ybocs_le14"], OUTCOMES["remission_ybocs_le12"]]),
        ("BPRS", "anchor in CamCOPS", [INSTRUMENTS["BPRS"]]),
        ("MOAA/S", "six-level OAA/S variant", [INSTRUMENTS["MOAA/S"]]),
        ("Murrough 2013 BP", "IQR 11-27 d", benchmarks_named("murrough_2013_relapse_days_quartile_1")),
        ("BP cohort", "Riva-Posse", benchmarks_named("riva_posse_2018_systolic")),
        ("BP cohort", "Yale 7-year", benchmarks_named("yale_2024_systolic")),
    ]:
        assert facts[name, item]["status"] == "conflicting"
        assert all("one of several published" in value.citation for value in values)


def test_the_provider_survey_has_no_row_and_is_shipped_as_unverified(facts):
    assert not any("survey" in f"{topic} {item}".lower() for topic, item in facts)
    assert only_unverified(benchmarks_named("provider_survey_2020_stopped"))
