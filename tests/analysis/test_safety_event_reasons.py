"""Stops for a side effect where the reason mentions one among other words."""

from __future__ import annotations

import pandas as pd

from ketaoutcomes.analysis.safety_events import safety_events
from ketaoutcomes.cohort.read import assemble

COUNTS = ["n_events", "n", "n_unknown"]
BOUNDS = ["estimate", "estimate_low", "estimate_high"]


def clinic(status):
    """One patient with one session for each end of treatment."""
    names = [f"P{number:02d}" for number in range(len(status))]
    return assemble(
        {
            "patients": pd.DataFrame({"patient_id": names}),
            "sessions": pd.DataFrame({"patient_id": names, "hour": 0.0, "route": "IV"}),
            "disposition": pd.DataFrame(status).assign(patient_id=names, hour=900.0),
        }
    )


def stops(result):
    (found,) = result.table[result.table["event"] == "stopped for a side effect"].to_dict("records")
    return pd.Series(found)


def test_a_side_effect_among_other_words_leaves_the_stop_unknown_and_is_counted_in_a_note():
    status = [
        {"status": "ongoing", "reason": None},
        {"status": "stopped", "reason": "due to nausea"},
        {"status": "stopped", "reason": "cost"},
        {"status": "stopped", "reason": "patient choice due to nausea"},
        {"status": "stopped", "reason": "mild side effects"},
        {"status": "stopped: nausea", "reason": "no side effects"},
        {"status": "stopped", "reason": "suicide attempt"},
    ]
    result = safety_events(clinic(status))
    found = stops(result)
    # One of the three who are known; at least one, at most five of all seven.
    assert found[COUNTS].tolist() == [1, 3, 4]
    assert found[BOUNDS].tolist() == [1 / 3, 1 / 7, 5 / 7]
    notes = " ".join(result.notes)
    assert "4 reasons mention a side effect among other words and are not classified: give" in notes
    assert "both bounds are out of all treated" in notes
    assert "without a status, or gone without a reason" not in notes
    assert not any(word in notes for word in ("patient choice", "suicide", "mild"))
    one = safety_events(clinic(status[:4]))
    assert any(note.startswith("1 reason mentions a side effect among other words") for note in one.notes)
