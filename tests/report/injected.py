"""A clinic whose every text holds something that a careless program would run."""

from __future__ import annotations

import pandas as pd

# Web addresses are refused at the door as identifiers, so only words that no file brings can hold one.
ADDRESS = '<img src="http://203.0.113.9/a">[x](https://203.0.113.9/b)#link("https://203.0.113.9/c")'
PAYLOADS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(2)>',
    '=HYPERLINK("#a1","b")',
    "+cmd|' /C calc'!A0",
    "@SUM(1+1)*cmd",
    "-2+3+cmd",
    "\t=1+1",
    "\r=2+2",
    '#read("/etc/passwd")',
    '#import "@preview/x:0.1.0": *',
    "$\\frac{$",
    "$x^2$ _a_ *b*",
    "{{7*7}}{% raw %}",
    "</style><style>*{color:red}",
    "[link](javascript:alert(3))",
    "abc\u202etxt.exe\u2066",
    "]]><!--<svg onload=alert(4)>",
    "&lt;b&gt;&#x3c;i",
    "javascript:alert(5)//",
    "' onfocus=alert(6) x='",
)
# What is left of a payload where only words are shown.
MARKS = ("alert(", "color:red", "cmd", "passwd", "\\frac{", "7*7")


class Rota:
    """Payloads in turn, starting elsewhere for each field so that every field meets every one."""

    def __init__(self, turn: int):
        self.at = turn

    def next(self) -> str:
        self.at += 1
        return PAYLOADS[self.at % len(PAYLOADS)]

    def renamed(self, column: pd.Series, keep=()) -> pd.Series:
        """Every word of a column but those to keep, replaced by a payload of its own."""
        words = [word for word in column.dropna().unique() if word not in keep]
        return column.replace({word: self.next() for word in words})

    def some(self, column: pd.Series, every: int) -> pd.Series:
        """A payload in some of the cells of a column whose words are fixed by the schema."""
        cells = column.astype(object).copy()
        for place in range(every - 1, len(cells), every):
            cells.iloc[place] = self.next()
        return cells


def injected(tables, settings, turn: int):
    """The clinic's tables and settings with payloads in every text, and in names of columns."""
    rota = Rota(turn)
    patients, sessions = tables["patients"].copy(), tables["sessions"].copy()
    for name in ("diagnosis", "clinic_id"):
        patients[name] = rota.renamed(patients[name])
    patients["sex"] = rota.some(patients["sex"], 9)
    patients["referral"] = [rota.next() if place % 2 else "friend" for place in range(len(patients))]
    for number in range(3):
        patients[rota.next() + str(number)] = [
            rota.next() if place % 3 else "x" for place in range(len(patients))
        ]
    sessions["route"] = rota.some(sessions["route"], 7)
    for name in ("setting", "rescue_medication"):
        sessions[name] = rota.renamed(sessions[name], keep=("no",))
    sessions["phase"] = rota.some(sessions["phase"], 40)
    sessions[rota.next()] = rota.next()
    scores = tables["scores"].copy()
    scores["instrument"] = rota.renamed(scores["instrument"], keep=("PHQ-9", "GAD-7", "CADSS", "Mood-NRS"))
    scores["timing"] = rota.some(scores["timing"], 50)
    scores["mode"] = rota.renamed(scores["mode"])
    effects = tables["side_effects"].copy()
    effects["effect"] = rota.renamed(effects["effect"], keep=("none", "dissociation"))
    for name in ("severity", "resolved", "serious", "ascertainment"):
        effects[name] = rota.some(effects[name], 30)
    effects["action"] = rota.renamed(effects["action"])
    disposition = tables["disposition"].copy()
    disposition["status"] = rota.some(disposition["status"], 3)
    disposition["reason"] = rota.renamed(disposition["reason"])
    changed = {
        "patients": patients, "sessions": sessions, "scores": scores, "side_effects": effects,
        "disposition": disposition,
    }  # fmt: skip
    return {**tables, **changed}, {**settings, "name": rota.next() + " " + rota.next()}
