"""Profile-likelihood limits against root finding on lme4's deviance: tests/reference/lmm_profile.R."""

from __future__ import annotations

from functools import cache

import pytest
from models.lmm_cases import answers, fitted, group_key

ANSWERS = answers("lmm_profile")["models"]
CASES = [(model, number) for model, case in ANSWERS.items() for number in range(len(case["limits"]))]


@cache
def profile_of(model):
    return fitted(model).profile().table


def find(table, limit):
    """Our row of R's parameter."""
    kind = {"cor": "correlation"}.get(limit["kind"], limit["kind"])
    hits = table[table["kind"] == kind]
    if kind in ("sd", "correlation"):
        hits = hits[[group_key(group) == group_key(limit["group"]) for group in hits["group"]]]
    names = {
        "sd": f"sd_{limit.get('term_1')}",
        "correlation": f"cor_{limit.get('term_2')}.{limit.get('term_1')}",
        "sigma": "sigma",
        "fixed": limit.get("term_1"),
    }
    hits = hits[[term.split("|")[0] == names[kind] for term in hits["term"]]]
    assert len(hits) == 1
    return hits.iloc[0]


@pytest.mark.parametrize("model, number", CASES, ids=lambda value: str(value))
def test_profile_limits(model, number):
    limit = ANSWERS[model]["limits"][number]
    row = find(profile_of(model), limit)
    scale = limit["conf_high"] - limit["conf_low"]
    # Both sides find roots, so that more is asked than the 1e-3 of lme4's spline.
    assert row["estimate"] == pytest.approx(limit["estimate"], abs=1e-5 * scale, rel=0)
    assert row["conf_low"] == pytest.approx(limit["conf_low"], abs=1e-5 * scale, rel=0)
    assert row["conf_high"] == pytest.approx(limit["conf_high"], abs=1e-5 * scale, rel=0)
