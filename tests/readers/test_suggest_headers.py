"""Header sets of clinics' spreadsheets, and where each column belongs, written by hand."""

from __future__ import annotations

import tomllib

import pandas as pd
import pytest

from ketaoutcomes.readers.mapping import parse_mapping
from ketaoutcomes.readers.suggest import suggest

# What stands in a column, four rows of it; no such cell may be seen again.
CELLS = {
    "many": "QX01|QX01|QX02|QX02",  # a patient's code, two rows of each
    "one": "QX01|QX02|QX03|QX04",  # a patient's code, one row of each
    "date": "2031-03-04|2031-03-05|2031-03-06|2031-04-20",
    "clocked": "2031-03-04 10:31|2031-03-05 11:32|2031-03-06 12:33|2031-04-20 10:34",
    "us": "03/24/2031|03/25/2031|03/26/2031|04/20/2031",
    "unsure": "03/04/2031|03/05/2031|03/06/2031|04/02/2031",
    "clock": "10:31|11:32|12:33|10:34",
    "n": "2|1|3|2",
    "count": "1|2|1|2",
    "big": "131|122|143|134",
    "pressure": "131/81|122/72|143/83|134/74",
    "yes": "yes|no|no|yes",
    "grade": "mild||severe|",
    "word": "zebrafish|quokka|zebrafish|quokka",
    "route": "IV|IM|IV|IV",
    "scale": "PHQ-9|GAD-7|PHQ-9|GAD-7",
    "effect": "nausea|headache|none|nausea",
    "time": "before|after|before|after",
    "empty": "|||",
    "prose": "she told me that she was well|he said that his wife drove|she was here|he had a rest",
}
UNSEEN = ("QX0", "2031", "10:31", "zebrafish", "quokka", "131", "wife")
ID = "patient_id"

# Name of the set; columns with what stands in them; where they belong. All others are not placed.
SETS = {
    "sessions under the names of the data dictionary": (
        f"{ID}:many start:clocked session:count route:route dose_mg:big weight_kg:big duration_minutes:big",
        f"{ID}=patient_id start=sessions.start session=sessions.session route=sessions.route "
        "dose_mg=sessions.dose_mg weight_kg=sessions.weight_kg duration_minutes=sessions.duration_minutes",
    ),
    "a date and a clock time apart are one time": (
        "Patient ID:many|Session Date:date|Session Time:clock|Route:route|Dose (mg):big",
        "Patient ID=patient_id|Session Date=sessions.start|Session Time=sessions.start|Route=sessions.route|"
        "Dose (mg)=sessions.dose_mg",
    ),
    "mg/kg and pounds by name": (
        f"{ID}:many date:date route:route dose_mg_kg:n weight_lb:big",
        f"{ID}=patient_id date=sessions.start route=sessions.route dose_mg_kg=sessions.dose_mg_per_kg "
        "weight_lb=sessions.weight_kg",
    ),
    "a dose, a weight and a duration without units are not placed": (
        f"{ID}:many date:date route:route dose:big weight:big duration:big",
        f"{ID}=patient_id date=sessions.start route=sessions.route",
    ),
    "sessions behind a word for the infusion": (
        "record_id:many inf_date:date inf_time:clock inf_route:route inf_dose_mg:big "
        "inf_number:count inf_duration_min:big",
        "record_id=patient_id inf_date=sessions.start inf_time=sessions.start inf_route=sessions.route "
        "inf_dose_mg=sessions.dose_mg inf_number=sessions.session inf_duration_min=sessions.duration_minutes",
    ),
    "wide scores by day": (
        f"{ID}:one phq9_d0:n phq9_d14:n phq9_day28:n",
        f"{ID}=patient_id phq9_d0=scores.score phq9_d14=scores.score phq9_day28=scores.score",
    ),
    "wide scores by week, the time first": (
        f"{ID}:one w0_phq9_total:n w4_phq9_total:n week8_gad7:n",
        f"{ID}=patient_id w0_phq9_total=scores.score w4_phq9_total=scores.score week8_gad7=scores.score",
    ),
    "a baseline without a day is not placed": (
        f"{ID}:one phq9_bl:n phq9_baseline:n phq9_pre:n phq9_d14:n",
        f"{ID}=patient_id phq9_d14=scores.score",
    ),
    "visits without a day are not placed": (
        f"{ID}:one madrs_v1:n madrs_session2:n madrs_month1:n madrs_d7:n",
        f"{ID}=patient_id madrs_d7=scores.score",
    ),
    "items by time": (
        f"{ID}:one phq9_1_d14:n phq9_2_d14:n phq9_d14_3:n phq9_4_d14:n phq9_i5_d14:n",
        f"{ID}=patient_id phq9_1_d14=scores.i1 phq9_2_d14=scores.i2 phq9_d14_3=scores.i3 "
        "phq9_4_d14=scores.i4 phq9_i5_d14=scores.i5",
    ),
    "items written in four ways": (
        f"{ID}:many phq9_date:date phq9_1:n phq9_i2:n phq9_q03:n phq9_item_4:n PHQ9Q5:n",
        f"{ID}=patient_id phq9_date=scores.taken phq9_1=scores.i1 phq9_i2=scores.i2 phq9_q03=scores.i3 "
        "phq9_item_4=scores.i4 PHQ9Q5=scores.i5",
    ),
    "a tenth item of nine is not placed": (
        f"{ID}:many phq9_dt:date phq9_total:n phq9_10:n",
        f"{ID}=patient_id phq9_dt=scores.taken phq9_total=scores.score",
    ),
    "the date before the instrument, timing and mode": (
        f"{ID}:many date_gad7:date gad7_score:n gad7_timing:time gad7_mode:word",
        f"{ID}=patient_id date_gad7=scores.taken gad7_score=scores.score gad7_timing=scores.timing "
        "gad7_mode=scores.mode",
    ),
    "one date for several instruments": (
        "PatientID:many|Date:date|PHQ-9:n|GAD-7:n|QIDS-SR16:n",
        "PatientID=patient_id|Date=scores.taken|PHQ-9=scores.score|GAD-7=scores.score|QIDS-SR16=scores.score",
    ),
    "two totals of one instrument are not placed": (
        f"{ID}:many date:date phq9_total:n phq9_score:n gad7_total:n",
        f"{ID}=patient_id date=scores.taken gad7_total=scores.score",
    ),
    "long scores": (
        f"{ID}:many instrument:scale score:n taken:date timing:time",
        f"{ID}=patient_id instrument=scores.instrument score=scores.score taken=scores.taken "
        "timing=scores.timing",
    ),
    "long scores under other names": (
        "subject_id:many scale:scale total:n assessment_date:date i1:n i2:n",
        "subject_id=patient_id scale=scores.instrument total=scores.score assessment_date=scores.taken "
        "i1=scores.i1 i2=scores.i2",
    ),
    "long scores by day": (
        f"{ID}:many measure:scale value:n day:n",
        f"{ID}=patient_id measure=scores.instrument value=scores.score day=scores.day",
    ),
    "numbers of items that look like other instruments": (
        # 12 of the 23 items of CADSS, the sixth of which is not CADSS-6.
        f"{ID}:many date:date cadss_total:n " + " ".join(f"cadss_{n}:n" for n in range(1, 13)),
        f"{ID}=patient_id date=scores.taken cadss_total=scores.score "
        + " ".join(f"cadss_{n}=scores.i{n}" for n in range(1, 13)),
    ),
    "six numbers of 23 items may be sessions and are not placed": (
        f"{ID}:many date:date cadss_total:n " + " ".join(f"cadss_{n}:n" for n in range(1, 7)),
        f"{ID}=patient_id date=scores.taken cadss_total=scores.score",
    ),
    "more numbers than there are items, and numbers from 0, are no items": (
        f"{ID}:many date:date phq9_total:n gad7_total:n "
        + " ".join([f"phq9_{n}:n" for n in range(9)] + [f"madrs_{n}:n" for n in (2, 4, 6)]),
        f"{ID}=patient_id date=scores.taken phq9_total=scores.score gad7_total=scores.score",
    ),
    "numbers over cells that no item has are no items": (
        f"{ID}:many date:date phq9_total:n " + " ".join(f"gad7_{n}:big" for n in range(1, 8)),
        f"{ID}=patient_id date=scores.taken phq9_total=scores.score",
    ),
    "an instrument whose name ends in a number is one where no other number stands": (
        f"{ID}:many date:date cadss_6:n",
        f"{ID}=patient_id date=scores.taken cadss_6=scores.score",
    ),
    "beside other numbers it may be one of them": (
        f"{ID}:many date:date phq9_total:n cadss_6:n cadss_20:n madrs_24:n",
        f"{ID}=patient_id date=scores.taken phq9_total=scores.score",
    ),
    "an hour that may be heart rate, and hours that cannot be": (
        f"{ID}:many start:date route:route monitoring_hr:n monitored_h:big observation_hours:n",
        f"{ID}=patient_id start=sessions.start route=sessions.route "
        "observation_hours=sessions.monitored_minutes",
    ),
    "minutes watched are minutes": (
        f"{ID}:many start:date route:route monitored_min:big",
        f"{ID}=patient_id start=sessions.start route=sessions.route monitored_min=sessions.monitored_minutes",
    ),
    "a series of nine is the instrument of nine items": (
        f"{ID}:many date:date " + " ".join(f"phq_{n}:n" for n in range(1, 10)),
        f"{ID}=patient_id date=scores.taken " + " ".join(f"phq_{n}=scores.i{n}" for n in range(1, 10)),
    ),
    "a series of five may be of several and is not placed": (
        f"{ID}:many date:date gad7:n " + " ".join(f"phq_{n}:n" for n in range(1, 6)),
        f"{ID}=patient_id date=scores.taken gad7=scores.score",
    ),
    "a total that is words is not placed": (
        f"{ID}:many date:date phq9_total:word gad7_total:n",
        f"{ID}=patient_id date=scores.taken gad7_total=scores.score",
    ),
    "a score made into words is not placed": (
        f"{ID}:many date:date phq9_total:n phq9_severity:grade",
        f"{ID}=patient_id date=scores.taken phq9_total=scores.score",
    ),
    "scores before and after each session": (
        f"{ID}:many session_date:date route:route cadss_pre:n cadss_post:n",
        f"{ID}=patient_id session_date=sessions.start,scores.taken route=sessions.route "
        "cadss_pre=scores.score "
        "cadss_post=scores.score",
    ),
    "hours beside days": (
        f"{ID}:one phq9_d7:n phq9_24h:n",
        f"{ID}=patient_id phq9_d7=scores.score phq9_24h=scores.score",
    ),
    "side effects in columns of yes and no": (
        f"{ID}:many session_date:date route:route nausea:yes se_sedation:yes headache:yes "
        "se_floating:yes ae_related:yes ae_expected:yes se_ongoing:yes se_sev:grade",
        f"{ID}=patient_id session_date=sessions.start route=sessions.route "
        "nausea=sessions.side_effects_recorded,side_effects.effect se_sedation=side_effects.effect "
        "headache=side_effects.effect",
    ),
    "a side effect of a session beside a severity that may be of anything": (
        f"{ID}:many session_date:date route:route ae_term:effect severity:grade",
        f"{ID}=patient_id session_date=sessions.start route=sessions.route ae_term=side_effects.effect",
    ),
    "a side effect of a session with its own severity": (
        f"{ID}:many session_date:date route:route ae_term:effect ae_sev:grade ae_related:yes",
        f"{ID}=patient_id session_date=sessions.start route=sessions.route "
        "ae_term=side_effects.effect ae_sev=side_effects.severity",
    ),
    "long side effects": (
        f"{ID}:many session:count side_effect:effect severity:grade onset_min:big serious:yes",
        f"{ID}=patient_id session=side_effects.session side_effect=side_effects.effect "
        "severity=side_effects.severity onset_min=side_effects.onset_minutes serious=side_effects.serious",
    ),
    "long side effects by date": (
        f"{ID}:many ae_date:date ae_term:effect ae_severity:grade",
        f"{ID}=patient_id ae_date=side_effects.moment ae_term=side_effects.effect "
        "ae_severity=side_effects.severity",
    ),
    "long vital signs": (
        f"{ID}:many session:count minute:big sbp:big dbp:big hr:big spo2:big rr:n",
        f"{ID}=patient_id session=vitals.session minute=vitals.minute sbp=vitals.sbp dbp=vitals.dbp "
        "hr=vitals.heart_rate spo2=vitals.spo2 rr=vitals.respiratory_rate",
    ),
    "vital signs with pressures in one cell": (
        f"{ID}:many infusion_no:count min:big bp:pressure pulse:big",
        f"{ID}=patient_id infusion_no=vitals.session min=vitals.minute bp=vitals.sbp/dbp "
        "pulse=vitals.heart_rate",
    ),
    "readings at minutes that their names tell": (
        f"{ID}:many session_date:date route:route sbp_0:big sbp_40:big sbp_post80:big "
        "bp_pre:pressure hr_0:big",
        f"{ID}=patient_id session_date=sessions.start route=sessions.route sbp_0=vitals.sbp "
        "sbp_40=vitals.sbp "
        "sbp_post80=vitals.sbp hr_0=vitals.heart_rate",
    ),
    "readings that are counted have no minute": (
        f"{ID}:many session_date:date route:route sbp_1:big sbp_2:big sbp_3:big",
        f"{ID}=patient_id session_date=sessions.start route=sessions.route",
    ),
    "pressures that are one number are not placed": (
        f"{ID}:many session:count minute:big bp:big sbp:big",
        f"{ID}=patient_id session=vitals.session minute=vitals.minute sbp=vitals.sbp",
    ),
    "disposition": (
        f"{ID}:one status:word reason:word stop_date:date",
        f"{ID}=patient_id status=disposition.status reason=disposition.reason stop_date=disposition.when",
    ),
    "patients with further columns": (
        f"{ID}:one sex:word age:big dx:word site:n smoker:yes arm:word",
        f"{ID}=patient_id sex=patients.sex dx=patients.diagnosis site=patients.clinic_id "
        "smoker=patients.smoker arm=patients.arm",
    ),
    "further columns beside wide scores": (
        f"{ID}:one arm:word smoker:yes phq9_d0:n phq9_d14:n",
        f"{ID}=patient_id arm=patients.arm smoker=patients.smoker phq9_d0=scores.score phq9_d14=scores.score",
    ),
    "identifiers and free text are left out": (
        f"{ID}:one age:n first_name:word zip:big dob:date mrn:n comments:prose sex:word",
        f"{ID}=patient_id age=patients.age sex=patients.sex",
    ),
    "free text under the name of a column": (
        f"{ID}:one status:word reason:prose when:date",
        f"{ID}=patient_id status=disposition.status when=disposition.when",
    ),
    "dates that no table has a place for": (
        f"{ID}:one age:n sex:word referral_date:date consent_date:date",
        f"{ID}=patient_id age=patients.age sex=patients.sex",
    ),
    "German headers": (
        "Patienten-Code:many|Infusion Datum:date|Route:route|Gewicht kg:big|Übelkeit:yes|PHQ-9 Summe:n",
        "Patienten-Code=patient_id|Infusion Datum=sessions.start,scores.taken|Route=sessions.route|"
        "Gewicht kg=sessions.weight_kg|Übelkeit=sessions.übelkeit|PHQ-9 Summe=scores.score",
    ),
    "Spanish headers": (
        "Paciente ID:many|Fecha de sesión:date|Vía:route|Dosis mg:big|Peso kg:big|PHQ9 puntaje:n",
        "Paciente ID=patient_id|Fecha de sesión=sessions.start,scores.taken|Vía=sessions.route|"
        "Dosis mg=sessions.dose_mg|Peso kg=sessions.weight_kg|PHQ9 puntaje=scores.score",
    ),
    "a first column of codes that come back": (
        "Who?:many|date:date|route:route",
        "Who?=patient_id|date=sessions.start|route=sessions.route",
    ),
    "no column is the patient's code": ("date:date route:route dose_mg:big", ""),
    "medical record numbers are no code": ("mrn:many date:date route:route", ""),
    "two dates of the same standing": (
        f"{ID}:many session_date:date infusion_date:date route:route",
        f"{ID}=patient_id",
    ),
    "empty columns are placed by their names alone": (
        f"{ID}:many start:empty route:empty dose_mg:empty phq9_total:empty",
        f"{ID}=patient_id start=sessions.start,scores.taken route=sessions.route dose_mg=sessions.dose_mg "
        "phq9_total=scores.score",
    ),
    "a number of the visit that is words": (
        f"{ID}:many start:date route:route visit:word",
        f"{ID}=patient_id start=sessions.start route=sessions.route",
    ),
    "a name of an instrument over other numbers": (
        f"{ID}:one age:n ids:big mood:word sex:word",
        f"{ID}=patient_id age=patients.age sex=patients.sex ids=patients.ids mood=patients.mood",
    ),
}


def _pairs(text: str, sign: str) -> dict[str, str]:
    parts = text.split("|") if "|" in text else text.split()
    return dict(part.rsplit(sign, 1) for part in parts)


def _frame(text: str) -> pd.DataFrame:
    return pd.DataFrame(
        {name: pd.array(CELLS[kind].split("|"), dtype="str") for name, kind in _pairs(text, ":").items()}
    )


@pytest.mark.parametrize("name", SETS)
def test_every_column_goes_where_it_belongs(name):
    columns, expected = SETS[name]
    frame = _frame(columns)
    found = suggest(frame)
    placed = dict(zip(found.placed["column"], found.placed["target"].str.replace(" ", ""), strict=True))
    assert placed == _pairs(expected, "=")
    assert sorted([*placed, *found.not_placed["column"]]) == sorted(frame.columns)
    assert tomllib.loads(found.toml) == found.mapping
    if "rows" in found.mapping:
        parse_mapping(found.mapping)
    for cell in UNSEEN:
        assert cell not in found.toml + found.summary() + found.not_placed.to_string()


def test_there_are_at_least_forty_sets():
    assert len(SETS) >= 40
