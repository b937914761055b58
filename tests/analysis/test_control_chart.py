"""Control charts of any frame: reference values, freezing, parts, gaps, words and refusals."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.analysis.control_chart import control_chart
from ketaoutcomes.errors import DataError

MONTHS = [f"{2024 + m // 12}-{m % 12 + 1:02d}" for m in range(24)]


@pytest.fixture
def counts():
    """24 months; 30 of 60 give or take, above from month 13 on."""
    events = [31, 28, 33, 27, 31, 29, 34, 26, 32, 29, 32, 28, 36, 35, 37, 34, 36, 38, 33, 35, 36, 37, 36, 35]
    return pd.DataFrame({"month": MONTHS, "events": events, "n": 60})


def chart(data, **options):
    options = {"value": "events", "size": "n", "by_time": "month", "kind": "p"} | options
    return control_chart(data, **options)


def test_a_shift_after_a_frozen_baseline_is_told_with_its_length_and_start(counts):
    result = chart(counts, freeze="2024-12")
    assert result.table["centre"].tolist() == pytest.approx([0.5] * 24)
    # 0.5 + 3 sqrt(0.25 / 60)
    assert result.table["limit_high"].iloc[0] == pytest.approx(0.6936492, abs=1e-7)
    assert result.table["is_baseline"].tolist() == [True] * 12 + [False] * 12
    assert result.table["in_shift"].tolist() == [False] * 12 + [True] * 12
    assert result.signal == "Shift: 12 months above the line since January 2025"
    assert result.signals[["kind", "first", "last"]].values.tolist() == [["shift", "2025-01", "2025-12"]]


def test_freezing_by_a_number_of_points_or_by_a_name_is_the_same(counts):
    by_name, by_number = chart(counts, freeze="2024-12"), chart(counts, freeze=12)
    pd.testing.assert_frame_equal(by_name.table, by_number.table)
    dated = counts.assign(month=pd.to_datetime(counts["month"]))
    pd.testing.assert_frame_equal(chart(dated, freeze=pd.Timestamp("2024-12-01")).table, by_name.table)


def test_later_points_do_not_move_frozen_limits(counts):
    early, late = chart(counts.iloc[:16], freeze=12), chart(counts, freeze=12)
    columns = ["centre", "limit_low", "limit_high"]
    pd.testing.assert_frame_equal(early.table[columns], late.table.iloc[:16][columns])


def test_a_part_has_its_own_line_and_the_shift_is_no_signal_within_it(counts):
    result = chart(counts, parts=["2025-01"])
    assert result.table["part"].tolist() == [1] * 12 + [2] * 12
    # 428 of 720.
    assert result.table["centre"].iloc[-1] == pytest.approx(428 / 720)
    assert result.signal == "No signal"
    assert result.rules["part"].tolist() == [1, 2]
    pd.testing.assert_frame_equal(result.table, chart(counts, parts=[12]).table)


def test_a_provisional_point_is_in_no_rule_and_not_in_the_limits(counts):
    counts.loc[23, "events"] = 60
    with_it, result = chart(counts), chart(counts, provisional=["2025-12"])
    assert with_it.table["outside"].iloc[-1]
    assert not result.table["outside"].iloc[-1]
    assert result.table["is_provisional"].sum() == 1
    # 753 of 23 * 60 without the last month.
    assert result.table["centre"].iloc[0] == pytest.approx(753 / 1380)
    assert "Provisional: 1 month, in no rule and not in the limits." in result.notes


def test_a_point_outside_is_told_with_whether_later_ones_lie_inside():
    data = pd.DataFrame({"month": MONTHS, "n": 60, "events": [28, 32] * 12})
    data.loc[20, "events"] = 50
    result = chart(data, freeze=12)
    assert result.signal == "September 2025 above the limit; inside since"
    assert result.rules["n_outside"].tolist() == [1]
    data.loc[[20, 21], "events"] = [10, 9]
    assert chart(data, freeze=12).signal == (
        "2 months from September 2025 to October 2025 below the limits; inside since"
    )


def test_gaps_are_counted_and_take_no_part(counts):
    counts.loc[3, "n"] = 0
    counts.loc[3, "events"] = 0
    counts["events"] = counts["events"].astype("Int64")
    counts.loc[5, "events"] = pd.NA
    result = chart(counts, freeze=12)
    assert result.table["estimate"].isna().sum() == 2
    assert "Gaps: 2 months without a value or with a size of 0; in no rule." in result.notes
    assert result.rules["n_useful"].tolist() == [22]


def test_months_that_were_hidden_before_are_gaps_also_where_words_stand_in_them(counts):
    counts["events"] = counts["events"].astype(object)
    counts.loc[4, "events"] = "1–10"
    counts["suppressed"] = np.where(counts.index == 4, "count 1-10", "")
    result = chart(counts, freeze=12)
    assert np.isnan(result.table["estimate"].iloc[4])
    assert result.table["suppressed"].iloc[4] == "count 1-10"
    assert any(note.startswith("Not shown: 1 month with small counts") for note in result.notes)


def test_changes_stand_beside_their_points_and_others_are_counted(counts):
    result = chart(counts, changes={"2025-01": "reminders", "2030-01": "later"})
    assert result.table.loc[result.table["change"] != "", ["time", "change"]].values.tolist() == [
        ["2025-01", "reminders"]
    ]
    assert any("1 of them at no month of the chart" in note for note in result.notes)


def test_few_baseline_points_make_limits_preliminary_and_very_few_none(counts):
    assert any(
        "preliminary: from 12 months, fewer than 20" in note for note in chart(counts, freeze=12).notes
    )
    result = chart(counts, freeze=7)
    assert result.table["limit_high"].isna().all()
    assert not result.table["in_shift"].any()
    assert result.signal == "Not tested"
    assert any("they need 8 months in the baseline; there are 7" in note for note in result.notes)


def test_fewer_than_eight_points_are_a_table_and_no_chart(counts):
    result = chart(counts.iloc[:7])
    assert not result.has_chart
    assert len(result.table) == 7
    with pytest.raises(DataError, match="needs 8 points at least"):
        result.plot()


def test_rates_are_given_per_so_many_units_and_observed_over_expected(counts):
    per = chart(counts, kind="u", per=100)
    assert per.table["estimate"].iloc[1] == pytest.approx(100 * 28 / 60)
    assert per.unit == "events per 100 n"
    ratio = chart(counts.assign(expected=25.0), kind="u", size=None, expected="expected")
    assert ratio.table["estimate"].iloc[1] == pytest.approx(28 / 25)


def test_a_share_that_varies_more_than_binomially_is_named_and_p_prime_offered(shared):
    data = pd.read_csv(shared / "data/qicharts2/nhs_accidents.csv")
    result = control_chart(data, value="r", size="n", by_time="i", kind="p")
    # The documentation of qicharts2: on a p chart most points lie outside, on a p prime chart none.
    assert result.table["outside"].sum() > 10
    assert any(
        'kind="p_prime"' in note and "varies more than independent rows" in note for note in result.notes
    )
    prime = control_chart(data, value="r", size="n", by_time="i", kind="p_prime")
    assert prime.signal == "No signal"


def test_the_chance_of_a_false_signal_grows_with_the_charts_watched(counts):
    one, six = (chart(counts, freeze=12, n_charts=n) for n in (1, 6))
    # 24 points: run rules .0662 (tests/engine/test_run_signals.py), three-sigma .0628, together .1249.
    assert any("by chance with probability 12%. That is about known limits" in note for note in one.notes)
    # 1 - (1 - .1249)^6
    assert any("at least one of 6 such charts, 55%" in note for note in six.notes)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "P"}, "kind"),
        ({"size": None}, "divides events by a size"),
        ({"value": "share"}, "no whole number"),
        ({"value": "many"}, "is above 'n' in 24 rows"),
        ({"value": "month", "by_time": None}, "holds no numbers"),
        ({"value": "nowhere"}, "nowhere"),
        ({"by_time": "nowhere"}, "by_time='nowhere'"),
        ({"by_time": "patient_id"}, "is an identifier"),
        ({"by_time": "again"}, "repeats a time in 22 rows"),
        ({"by_time": "backwards"}, "not in the order"),
        ({"freeze": 25}, "1 to 24"),
        ({"freeze": "2020-01"}, "before the first point"),
        ({"freeze": "2030-01"}, "after the last point"),
        ({"freeze": "spring"}, "freeze names a point"),
        ({"parts": ["2030-01"]}, "parts names a point"),
        ({"parts": [0]}, "choose 1 to 23"),
        ({"freeze": 12, "parts": [6]}, "reaches into the second part"),
        ({"provisional": ["2030-01"]}, "provisional names a point"),
        ({"per": 100}, "per goes with"),
        ({"expected": "n"}, "expected stands for"),
        ({"n_charts": 0}, "n_charts"),
        ({"changes": ["reminders"]}, "changes maps points to words"),
        ({"title": 3}, "title is a text"),
    ],
)
def test_what_cannot_be_charted_is_refused_with_a_reason(counts, change, message):
    data = counts.assign(
        share=0.5,
        many=99,
        patient_id=range(24),
        again=["2024-01"] * 12 + ["2024-02"] * 12,
        backwards=MONTHS[::-1],
    )
    with pytest.raises(DataError, match=message):
        chart(data, **change)


def test_times_between_events_must_be_above_zero():
    data = pd.DataFrame({"days": [3, 0, 5, 8, 1, 9, 12, 4, 6, 7]})
    with pytest.raises(DataError, match="0 or below in 1 row"):
        control_chart(data, value="days", kind="t")


def test_the_summary_gives_limits_definitions_and_where_it_comes_from(counts):
    result = chart(counts, freeze=12, title="Response by month", unit="Responded, % of patients")
    text = result.summary()
    assert "Response by month" in text
    assert "Shift: 12 months above the line since January 2025." in text
    assert all(source for _, _, source in result.definitions)
    assert result.provenance["function"] == "control_chart"
    assert result.provenance["arguments"]["freeze"] == 12


# Published charts: the vignette of qicharts2 (CRAN) on the data sets of that package.


def test_infections_have_the_published_limits_and_six_points_below_them(shared):
    data = pd.read_csv(shared / "data/qicharts2/cdi.csv")
    result = control_chart(data, value="n", by_time="month", kind="c", freeze=24)
    row = result.table.iloc[-1]
    # 449/24 -+ 3 sqrt(449/24)
    assert row[["centre", "limit_low", "limit_high"]].tolist() == pytest.approx(
        [18.708, 5.732, 31.684], abs=1e-3
    )
    assert result.table["outside"].sum() == 6
    # "An unusually long run of 15 data points below the median", which is 19 before.
    run = control_chart(data, value="n", by_time="month", freeze=24)
    assert run.table["centre"].iloc[0] == 19
    assert run.rules["longest_run"].tolist() == [15]
    assert control_chart(data, value="n", by_time="month").table["centre"].iloc[0] == 17
    # "From an average of 19 to 7", "between 0 and 15", both periods without a signal.
    split = control_chart(data, value="n", by_time="month", kind="c", parts=[24])
    assert split.table["centre"].iloc[[0, -1]].round().tolist() == [19, 7]
    assert split.table["limit_high"].iloc[-1] == pytest.approx(15, abs=0.5)
    assert split.signal == "No signal"


def test_ages_of_100_patients_have_the_published_limits(shared):
    ages = pd.read_csv(shared / "data/qicharts2/cabg.csv").tail(100).reset_index(drop=True)
    result = control_chart(ages, value="age", kind="xmr")
    assert result.table.loc[result.table["outside"], "time"].tolist() == ["45", "70"]
    # Without the two: mean 67, limits 43 and 91.
    without = control_chart(
        ages.assign(age=ages["age"].mask(ages.index.isin([44, 69]))), value="age", kind="xmr"
    )
    row = without.table.iloc[0]
    assert row[["centre", "limit_low", "limit_high"]].astype(float).round().tolist() == [67, 43, 91]


def test_deaths_24_and_25_are_unusually_far_apart_in_operations_and_in_days(shared):
    rows = pd.read_csv(shared / "data/qicharts2/cabg.csv", parse_dates=["date"])
    deaths = rows[rows["death"]]
    between = pd.DataFrame(
        {
            "operations": pd.Series(deaths.index, dtype=float).diff(),
            "days": deaths["date"].diff().dt.days.to_numpy(),
        }
    )
    for value, kind in (("operations", "g"), ("days", "t")):
        result = control_chart(between, value=value, kind=kind)
        assert result.signal == "Point 25 above the limit; inside since"


def test_infection_rates_have_signals_in_the_two_hospitals_named(shared):
    rows = pd.read_csv(shared / "data/qicharts2/hospital_infections.csv")
    signals = []
    for name, group in rows.groupby(["infection", "hospital"]):
        data = group.reset_index(drop=True)
        result = control_chart(data, value="n", size="days", by_time="month", kind="u", per=10_000)
        signals += [name] if len(result.signals) else []
    assert signals == [("UTI", "BOH"), ("UTI", "NOH")]


def test_harm_is_around_60_per_1000_days_and_33_per_cent_of_patients(shared):
    rows = pd.read_csv(shared / "data/qicharts2/gtt.csv").assign(harmed=lambda d: d["harms"] > 0, one=1)
    data = rows.groupby("month")[["harms", "days", "harmed", "one"]].sum().reset_index()
    rate = control_chart(data, value="harms", size="days", by_time="month", kind="u", per=1000)
    share = control_chart(data, value="harmed", size="one", by_time="month", kind="p")
    assert rate.table["centre"].iloc[0] == pytest.approx(60, abs=1)
    assert share.table["centre"].iloc[0] == pytest.approx(0.33, abs=0.005)
    assert (rate.signal, share.signal) == ("No signal", "No signal")
