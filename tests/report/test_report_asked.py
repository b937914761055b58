"""What no report can be made of is refused in words, before anything is computed."""

from __future__ import annotations

import datetime

import pytest

from ketaoutcomes.errors import ConfigError, DataError
from ketaoutcomes.report.cohort import cohort_report
from ketaoutcomes.report.monthly import monthly_report
from ketaoutcomes.report.settings import ReportSettings

WRONG = [
    ({"level": "a"}, "level must lie between 0 and 1"),
    ({"level": 95}, "level must lie between 0 and 1"),
    ({"settings": {}}, "must be ReportSettings"),
    ({"settings": ReportSettings(by=("patient_id",))}, "makes groups: 'patient_id'"),
    ({"settings": ReportSettings(by=("sexx",))}, "did you mean 'sex'"),
]


@pytest.mark.parametrize("make", [monthly_report, cohort_report])
@pytest.mark.parametrize(("options", "said"), WRONG)
def test_a_wrong_argument_is_named(sample_cohort, make, options, said):
    with pytest.raises(ConfigError, match=said):
        make(sample_cohort, **options)


@pytest.mark.parametrize("make", [monthly_report, cohort_report])
def test_something_else_than_a_cohort_is_refused(make):
    with pytest.raises(DataError, match="made of a cohort"):
        make(None)


def test_a_month_that_is_no_text_and_a_previous_that_is_no_folder_are_refused(sample_cohort):
    with pytest.raises(ConfigError, match="written YYYY-MM"):
        monthly_report(sample_cohort, month=datetime.date(2026, 9, 1))
    with pytest.raises(ConfigError, match="folder of the last report"):
        monthly_report(sample_cohort, previous=3)


def test_a_baseline_outside_the_data_is_refused(sample_cohort):
    with pytest.raises(ConfigError, match="must lie within the months of the data"):
        monthly_report(sample_cohort, settings=ReportSettings(baseline=("2020-01", "2020-12")))
