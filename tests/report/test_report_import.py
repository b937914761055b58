"""What became of an export's rows stands in data_quality and in section 14, and small counts do not."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

import ketaoutcomes as ko


def with_sources(n_aside: int):
    """A cohort made from an export of two sheets; 5,000 rows, of which some were set aside."""
    cohort = ko.simulate_cohort(n_patients=40, deidentification="limited-data-set").cohort
    sources = pd.DataFrame(
        {
            "source": ["visits", "scores"],
            "n_read": [2000, 3000],
            "n_kept": [1900, 2900 - n_aside],
            "n_quarantined": [0, n_aside],
            "n_unmapped": [100, 100],
        }
    )
    unmapped = pd.DataFrame({"source": ["visits"], "column": ["colour"], "n_filled": [12]})
    return replace(cohort, sources=sources, unmapped=unmapped)


def test_data_quality_says_what_became_of_the_rows_of_the_export():
    found = ko.data_quality(with_sources(50))
    assert any("5,000 rows read = 4,750 kept in part or whole + 50 set aside" in note for note in found.notes)
    assert found.sources["n_read"].tolist() == [2000, 3000]
    assert found.unmapped["column"].tolist() == ["colour"]
    assert "visits: 2,000 read = 1,900 kept + 0 set aside + 100 not mapped" in found.summary()


@pytest.mark.parametrize(("n_aside", "told"), [(50, True), (7, False)])
def test_a_report_that_hides_small_counts_hides_those_of_the_export(n_aside, told):
    page = ko.monthly_report(with_sources(n_aside), small_cells="suppress")._repr_html_()
    assert "The tables were made from an export" in page
    assert ("50 set aside by a rule" in page) is told
    assert ("since a number is small" in page) is not told
    assert ">7 set aside" not in page
