"""What a column's name may mean: columns of the cohort's tables, with the unit that the name tells.

A name means a column if it is its name, one of its other names (those of
`header_hints` and those below), or either of these after a word such as "session"
or "se" that says where it belongs. A dose, a weight or a length of time without a
unit in its name or label means nothing, since units are not guessed. A name that
only resembles one counts for columns of words alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from ketaoutcomes.cohort.header_hints import OTHER_NAMES, meant
from ketaoutcomes.cohort.schema import TABLES
from ketaoutcomes.readers.suggest_columns import Column, Group, squeezed, words_in, words_of

__all__ = ["MEASURES", "VITALS", "Meaning", "hinted_table", "meanings", "stripped"]

# Beside those of `header_hints`, without case, accents, blanks and punctuation.
FURTHER: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "patients": {
            "sex": "sexo geschlecht sexe",
            "age": "ageyears ageyrs ageatstart ageatbaseline ageatfirstsession edad alter",
            "diagnosis": "maindiagnosis diagnose diagnostico diagnostic indication",
            "prior_trials": "npriortrials priorantidepressanttrials previoustrials failedtrials "
            "nfailedtrials",
            "clinic_id": "clinicno clinicnumber cliniccode siteno sitenumber sitecode centre center "
            "centreid centerid",
        },
        "sessions": {
            "session": "sessionnum number infusionno infusionnum infusionnr treatmentnumber treatmentno "
            "visitnumber visitno sitzung sitzungsnummer sesion numerodesesion",
            "route": "routeofadmin adminroute administrationroute via viadeadministracion applikationsweg",
            "stopped_early": "stoppedearly endedearly terminatedearly",
            "rescue_medication": "rescue rescuemed rescuemeds",
            "side_effects_recorded": "sideeffectsasked aesasked sideeffectsassessed askedsideeffects",
            "clinic_id": "clinicno clinicnumber cliniccode siteno sitenumber sitecode",
        },
        "scores": {"mode": "modeofadministration ratedby"},
        "side_effects": {
            "session": "sessionnum infusionno infusionnum treatmentnumber visitnumber visitno sitzung sesion",
            "effect": "sideeffectname effectname aename aeterm reaction adversereaction nebenwirkung "
            "nebenwirkungen efectoadverso efectosecundario",
            "severity": "sev aesev grade intensity schweregrad gravedad severidad",
            "serious": "sae",
            "action": "actiontaken",
        },
        "vitals": {
            "session": "sessionnum infusionno infusionnum treatmentnumber visitnumber visitno sitzung sesion",
            "minute": "minutessincestart minutesafterstart minuto",
        },
        "disposition": {
            "status": "patientstatus treatmentstatus dispositionstatus estado",
            "reason": "stopreason reasonstopped reasonforstopping endreason discontinuationreason "
            "reasonfordiscontinuation withdrawalreason reasonforwithdrawal dropoutreason grund motivo",
        },
    }
)
# Vital signs, which may stand first or last in a name: sbp_40, pre_hr.
VITALS: Mapping[str, str] = MappingProxyType(
    {
        word: target
        for target, words in {
            "sbp": "sbp systolic systolicbp bpsys bpsystolic sysbp sys systolicbloodpressure systolisch "
            "sistolica",
            "dbp": "dbp diastolic diastolicbp bpdia bpdias bpdiastolic diabp dia diastolicbloodpressure "
            "diastolisch diastolica",
            "heart_rate": "heartrate hr pulse pulserate bpm puls pulso herzfrequenz",
            "spo2": "spo2 saturation o2sat sao2 o2saturation oxygensaturation pulseox",
            "respiratory_rate": "respiratoryrate rr resprate respirations breathingrate atemfrequenz",
            "sbp/dbp": "bp bloodpressure blutdruck ta presionarterial",
        }.items()
        for word in words.split()
    }
)
# Quantities that need a unit: what they are called, and the column and factor of each unit.
MINUTES = {
    **dict.fromkeys(("min", "mins", "minute", "minutes", "minuten", "minutos"), 1.0),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours", "stunden", "horas"), 60.0),
}
# "hr" is hours behind a length, and may be a heart rate behind these.
WATCHED = {unit: factor for unit, factor in MINUTES.items() if unit != "hr"}
MASS = {
    **dict.fromkeys(("kg", "kgs", "kilo", "kilos", "kilogram", "kilograms"), 1.0),
    **dict.fromkeys(("lb", "lbs", "pound", "pounds"), 0.45359237),
}
DOSES = {"mg": 1.0, "milligram": 1.0, "milligrams": 1.0, "mcg": 0.001, "ug": 0.001}
MEASURES: Mapping[str, tuple[str, Mapping[str, float]]] = MappingProxyType(
    {
        **dict.fromkeys(
            words_in("dose totaldose ketaminedose ketamine totalketamine dosis dosage"), ("dose_mg", DOSES)
        ),
        **dict.fromkeys(words_in("weight bodyweight wt gewicht peso"), ("weight_kg", MASS)),
        **dict.fromkeys(
            words_in("duration length dauer duracion infusiontime"), ("duration_minutes", MINUTES)
        ),
        **dict.fromkeys(
            words_in("monitored monitoring observation observed"), ("monitored_minutes", WATCHED)
        ),
        "onset": ("onset_minutes", WATCHED),
        "timetoonset": ("onset_minutes", MINUTES),
    }
)
PER_KG = ({"mg", "kg"}, {"mg", "per", "kg"}, {"mgkg"}, {"mgperkg"}, {"mg", "pro", "kg"})
# Words before a name that say where it belongs.
LEADS: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(
            words_in("session sess ses infusion inf treatment tx ket ketamine visit administration admin"),
            "sessions",
        ),
        **dict.fromkeys(words_in("se ae sideeffect adverseevent effect"), "side_effects"),
        **dict.fromkeys(["vs", "vital", "vitals"], "vitals"),
        **dict.fromkeys(words_in("disposition disp dispo stop exit"), "disposition"),
        **dict.fromkeys(
            words_in("patient pt pat subject participant demographics demo dem baseline bl"), "patients"
        ),
    }
)
# What sheets and forms are called.
HINTS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "side_effects": words_in("effect effects adverse ae aes se nebenwirkungen"),
        "vitals": words_in("vital vitals vs bp monitoring"),
        "disposition": words_in("disposition dispo status discharge exit termination completion dropout"),
        "sessions": words_in(
            "session sessions infusion infusions treatment treatments dosing administration "
            "ketamine sitzungen sesiones"
        ),
        "scores": words_in(
            "score scores assessment assessments questionnaire questionnaires scales outcomes surveys"
        ),
        "patients": words_in(
            "patient patients demographics demographic demo subjects participants enrolment "
            "enrollment screening intake baseline"
        ),
    }
)
# Other names of a column that are plain words and mean it only where the table is certain.
LOOSE = words_in("test assessment measure scale value result total sum event symptom outcome time number")
WORDS_ONLY = ("word", "flag", "any")
SHORT = 4


@dataclass(frozen=True)
class Meaning:
    """A column of the cohort's tables that a column of an export may be.

    Parameters
    ----------
    table, target : str
    factor : float
        By which cells are multiplied.
    exact : bool
        By its name or one of its other names; otherwise the name only resembles it.
    loose : bool
        By a word that means it only where the table is certain.
    """

    table: str
    target: str
    factor: float = 1.0
    exact: bool = True
    loose: bool = False


def hinted_table(group: Group) -> str | None:
    """Return the table that the name of a sheet or form says it holds."""
    words = set(group.words)
    return next((table for table, names in HINTS.items() if names & words), None)


def stripped(words: tuple[str, ...], group: Group) -> tuple[tuple[str, ...], str | None]:
    """Return a name's words without the first that say where it belongs, and the table these tell."""
    own = group.words
    if own and len(words) > len(own) and words[: len(own)] == own:
        return words[len(own) :], hinted_table(group)
    for n in (2, 1):
        table = LEADS.get(squeezed(words[:n]))
        if table and len(words) > n:
            return words[n:], table
    if len(words) > 1 and words[0] == group.lead:
        return words[1:], hinted_table(group)
    return words, None


def meanings(column: Column, group: Group) -> tuple[tuple[Meaning, ...], str]:
    """Return what a column's name may mean, and what is lacking where it is a quantity without a unit."""
    rest, table = stripped(column.words, group)
    lacking = ""
    for words in dict.fromkeys((column.words, rest)):
        found, wanted = _quantity(words, words_of(column.label))
        lacking = lacking or wanted
        if not found and not wanted:
            found = [one for name in TABLES for one in _named(words, name)]
        if table is not None and words != column.words:
            # "vitals_dose" may stand in a form of vitals and be a session's all the same.
            found = [one for one in found if one.table == table] or [one for one in found if not one.loose]
        if found:
            return tuple(found), ""
    if lacking:
        return (), lacking
    near = [one for words in dict.fromkeys((column.words, rest)) for one in _near(words)]
    return tuple(near), ""


def _named(words: tuple[str, ...], name: str) -> list[Meaning]:
    table, plain = TABLES[name], squeezed(words)
    given = {one.name: squeezed(one.name.split("_")) for one in table.columns if not one.derived}
    dates = {one.name for one in table.columns if one.kind == "date"}
    found = [
        Meaning(name, target, loose=plain in LOOSE and plain != own)
        for target, own in given.items()
        if target not in dates
        and plain in (own, *OTHER_NAMES.get(target, "").split(), *FURTHER[name].get(target, "").split())
    ]
    if name == "vitals" and plain in VITALS:
        found = [Meaning("vitals", VITALS[plain])]
    return found


def _near(words: tuple[str, ...]) -> list[Meaning]:
    """Return columns of words whose name resembles a name."""
    plain = squeezed(words)
    if len(plain) <= SHORT or any(sign.isdigit() for sign in plain):
        return []
    return [
        Meaning(name, one, exact=False)
        for name, table in TABLES.items()
        for one in meant("_".join(words), table)
        if table[one].kind in WORDS_ONLY and plain[0] == one[0]
    ]


def _quantity(words: tuple[str, ...], label: tuple[str, ...]) -> tuple[list[Meaning], str]:
    """Return the meaning of a quantity with its unit, or what is lacking."""
    for n in range(len(words), 0, -1):
        if squeezed(words[:n]) not in MEASURES:
            continue
        target, units = MEASURES[squeezed(words[:n])]
        unit = words[n:]
        if unit and unit[0] in ("in", "of", "total", "used", "given"):
            unit = unit[1:]
        if not unit and len(label) > 1:
            # The label may tell the unit that the name does not: "Dose (mg/kg)".
            unit = tuple(word for word in label if word in units or word in ("mg", "kg", "per", "mgkg"))
        if target == "dose_mg" and set(unit) in PER_KG:
            return [Meaning("sessions", "dose_mg_per_kg")], ""
        if len(unit) == 1 and unit[0] in units:
            tables = [name for name, table in TABLES.items() if target in table.names]
            return [Meaning(name, target, units[unit[0]]) for name in tables], ""
        if units is WATCHED and unit == ("hr",):
            return [], f"hr may be hours or a heart rate; it may be {target} or vitals.heart_rate"
        if not unit and n == len(words) and squeezed(words) != "ketamine":
            names = "dose_mg or dose_mg_per_kg" if target == "dose_mg" else target
            return [], f"its unit is not told; it may be {names}"
    return [], ""
