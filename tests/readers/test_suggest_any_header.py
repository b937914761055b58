"""Whatever the headers are, a suggestion is made, it can be read, and no column is lost."""

from __future__ import annotations

import tomllib

import pandas as pd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ketaoutcomes.readers.mapping import parse_mapping
from ketaoutcomes.readers.suggest import suggest
from ketaoutcomes.readers.suggest_columns import words_in

PARTS = words_in(
    "phq9 PHQ-9 gad7 madrs cadss mood date time dt 1 2 9 10 d14 w4 bl pre post total score item session "
    "infusion route dose mg kg lb weight sbp bp hr 0 40 nausea se ae effect severity status reason sex age "
    "id patient record timestamp complete ___1 redcap_event_name baseline week 4h start stop note name zip "
    "hour day ü 漢"
)
WORDS = st.sampled_from([*sorted(PARTS), '"', "\\", "#", "\n"])
NAMES = st.one_of(
    st.lists(WORDS, min_size=1, max_size=4).map("_".join),
    st.lists(WORDS, min_size=1, max_size=3).map(" ".join),
    st.text(max_size=12),
    st.sampled_from(["patient_id", "record_id", "redcap_repeat_instrument", "redcap_repeat_instance"]),
)
CANARY = "Qz7canary"
CELL = st.sampled_from(
    ["", "1", "0", "14", "yes", "no", "2031-03-04", "03/04/2031 1:31 PM", "10:31", "120/80", "IV", CANARY]
)


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(names=st.lists(NAMES, min_size=1, max_size=7, unique=True), data=st.data(), redcap=st.booleans())
def test_no_header_breaks_it_and_no_column_is_lost(names, data, redcap):
    cells = data.draw(
        st.lists(st.lists(CELL, min_size=3, max_size=3), min_size=len(names), max_size=len(names))
    )
    frame = pd.DataFrame(
        {name: pd.array(column, dtype=object) for name, column in zip(names, cells, strict=True)}
    )
    found = suggest(frame, kind="redcap" if redcap else "spreadsheet")
    assert len(found.placed) + len(found.not_placed) == len(names)
    assert tomllib.loads(found.toml) == found.mapping
    if "rows" in found.mapping and "id" in found.mapping["patient"]:
        parse_mapping(found.mapping)
    if CANARY not in "".join(names):
        assert CANARY not in found.toml + found.summary()
