"""Reports that several tests read; made once."""

from __future__ import annotations

import pytest

from ketaoutcomes.cohort.read import assemble, load_cohort
from ketaoutcomes.cohort.simulate import simulate_cohort
from ketaoutcomes.report.monthly import monthly_report


@pytest.fixture(scope="session")
def sample_cohort(sample):
    return load_cohort(sample)


@pytest.fixture(scope="session")
def shown(sample_cohort):
    """The sample's report with every count, as it is by default for synthetic data."""
    return monthly_report(sample_cohort)


@pytest.fixture(scope="session")
def suppressed(sample_cohort):
    """The sample's report as it would be for patients."""
    return monthly_report(sample_cohort, small_cells="suppress")


@pytest.fixture(scope="session")
def clinic():
    """Raw tables and settings of a small dated clinic that passes for a real one."""
    simulation = simulate_cohort(n_patients=60, deidentification="limited-data-set")
    return dict(simulation.tables), {**simulation.settings, "synthetic": False}


@pytest.fixture(scope="session")
def undated():
    """The same under Safe Harbor: no dates, no months."""
    simulation = simulate_cohort(n_patients=60)
    return dict(simulation.tables), {**simulation.settings, "synthetic": False}


@pytest.fixture(scope="session")
def report_of():
    """A function from raw tables, settings and options to a report."""

    def make(tables, settings, **options):
        return monthly_report(assemble(tables, settings), **options)

    return make
