"""The tables as data: consistent with themselves, the rules and the documentation made from them."""

from __future__ import annotations

import re
from pathlib import Path

import ketaoutcomes.cohort
from ketaoutcomes.cohort.rules import RULES
from ketaoutcomes.cohort.schema import TABLES, data_dictionary
from ketaoutcomes.cohort.settings import Settings

FOLDER = Path(ketaoutcomes.cohort.__file__).parent
KINDS = {"id", "number", "integer", "flag", "word", "any", "hour", "day", "date", "month"}


def test_the_tables_are_those_of_the_design():
    assert list(TABLES) == ["patients", "sessions", "scores", "side_effects", "vitals", "disposition"]
    assert [name for name, table in TABLES.items() if table.required] == ["patients", "sessions"]


def test_every_column_has_a_kind_a_meaning_and_a_rule_that_exists():
    for table in TABLES.values():
        assert len(set(table.names)) == len(table.names)
        for column in table.columns:
            assert column.kind in KINDS
            assert column.meaning
            assert column.rule in RULES
            assert column.low is None or column.high is None or column.low < column.high
        assert {key for key in table.key if key != "time"} <= set(table.names)


def test_every_rule_is_used_by_the_code():
    code = "".join(
        path.read_text(encoding="utf-8") for path in FOLDER.glob("*.py") if path.name != "rules.py"
    )
    used = set(re.findall(r'"([a-z_0-9]+)"', code))
    assert set(RULES) <= used


def test_every_rule_has_an_effect_and_a_reason_in_words():
    for name, rule in RULES.items():
        assert rule.name == name
        assert set(rule.effects) <= {"row", "cell", "file", "note"}
        assert len(rule.reason) > 15


def test_the_data_dictionary_names_every_column_of_every_table():
    text = data_dictionary()
    for table in TABLES.values():
        part = text.split(f"## `{table.name}`")[1].split("\n## ")[0]
        for column in table.columns:
            assert f"| `{column.name}` |" in part


def test_ages_stop_at_90():
    # 45 CFR 164.514(b)(2)(i)(C): ages over 89 are aggregated into a category of 90 or older.
    age = TABLES["patients"]["age"]
    assert (age.low, age.high) == (0, 90)


def test_safe_harbor_is_the_default():
    assert Settings().deidentification == "safe-harbor"
    assert not Settings().dates_allowed
