"""Mixed models of vital signs: the change to the peak, and the course over minutes."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketaoutcomes.analysis.margins import marginal_means
from ketaoutcomes.analysis.mixed import lmm
from ketaoutcomes.analysis.vital_rows import Ask, VitalRows
from ketaoutcomes.analysis.vital_tables import framed
from ketaoutcomes.catalog.vital_rules import VitalSign
from ketaoutcomes.derive.vitals import at_nominal, common_minutes
from ketaoutcomes.errors import ConvergenceError, DataError, FormulaError
from ketaoutcomes.results.mixed import LmmResult

__all__ = ["FEW_FOR_P", "LEAST_PATIENTS", "SESSION_GROUPS", "course_table", "nominal_of", "peak_model_table"]

LEAST_PATIENTS = 10
LEAST_PER_CELL = 3
FEW_PATIENTS = 50
FEW_FOR_P = 20
SESSION_GROUPS = (("session 1", 1), ("sessions 2–3", 3), ("sessions 4–6", 6), ("sessions 7+", np.inf))
# Coefficients of a baseline are for so many units of it.
BASELINE_STEP = {"spo2": 1.0, "respiratory_rate": 1.0}
USUAL_STEP = 10.0

PEAK_MODEL = (
    {"sign": "str", "term": "str"}
    | dict.fromkeys(
        ("estimate", "std_error", "df", "statistic", "p_value", "conf_low", "conf_high"), "float64"
    )
    | {"n": "int64", "n_patients": "int64"}
)
COURSE = (
    {"sign": "str", "group": "str", "minute": "float64", "minute_mean": "float64"}
    | dict.fromkeys(("estimate", "std_error", "df", "conf_low", "conf_high"), "float64")
    | {"n": "int64", "n_patients": "int64"}
)


# ---- the peak


def peak_model_table(rows: VitalRows, ask: Ask) -> tuple[pd.DataFrame, list[str]]:
    """Coefficients of the model of the peak's change, by sign, and notes on what could not be fitted."""
    found, notes = [], []
    for sign in rows.signs:
        frame, words = _peak_frame(rows, ask, sign)
        n_patients = frame["patient_id"].nunique()
        if n_patients < LEAST_PATIENTS:
            notes.append(_too_few(sign, n_patients, "the model of the peak"))
            continue
        fixed = [name for name in words if name in frame.columns and frame[name].nunique() > 1]
        formula = "change ~ " + (" + ".join(fixed) or "1") + " + (1 | patient_id)"
        fit, why = _fitted(formula, frame)
        if fit is None:
            notes.append(f"{sign.label}: no model of the peak ({why}).")
            continue
        found += _coefficients(fit, words | _level_words(frame, rows, ask), sign, n_patients, ask.level)
    # The by column is in the terms, not beside them.
    return framed(found, PEAK_MODEL, None), notes


def _peak_frame(rows: VitalRows, ask: Ask, sign: VitalSign) -> tuple[pd.DataFrame, dict[str, str]]:
    """Rows of the model, and what each of its columns means."""
    peak = rows.peak[sign.name]
    session = peak["session"].to_numpy()
    step = BASELINE_STEP.get(sign.name, USUAL_STEP)
    number = rows.number[session]
    frame = pd.DataFrame(
        {
            "patient_id": rows.owner[session],
            "change": peak["change"].to_numpy(),
            "base": (peak["baseline"] - peak["baseline"].mean()).to_numpy() / step,
            "number": np.log2(number),
            "readings": (peak["n_readings"] - peak["n_readings"].mean()).to_numpy(),
        }
    )
    words = {
        "(Intercept)": "mean at session 1, with mean baseline and readings",
        "base": f"baseline, per {step:g} {sign.unit} more".replace("1 % more", "1 percentage point more"),
        "number": "session number, per doubling",
        "readings": "readings after baseline, per further one",
    }
    if ask.by is None:
        return frame, words
    code = rows.grouped.code[session]
    sizes = frame.groupby(code)["patient_id"].nunique()
    kept = [level for level in sizes.index if level >= 0 and sizes[level] >= LEAST_PER_CELL]
    inside = np.isin(code, kept)
    frame = frame[inside].reset_index(drop=True)
    return frame.assign(level=pd.Categorical(code[inside], categories=kept)), words | {"level": ask.by}


def _level_words(frame: pd.DataFrame, rows: VitalRows, ask: Ask) -> dict[str, str]:
    """What the terms of the levels of `by` mean."""
    if "level" not in frame.columns:
        return {}
    first, *others = frame["level"].cat.categories
    levels = rows.grouped.levels
    start = f"mean at session 1 of {ask.by} {levels[first]}, with mean baseline and readings"
    return {"(Intercept)": start} | {
        f"level{code}": f"{ask.by}: {levels[code]} against {levels[first]}" for code in others
    }


def _coefficients(
    fit: LmmResult, words: dict[str, str], sign: VitalSign, n_patients: int, level: float
) -> list[dict]:
    """Rows of the table, with terms in words."""
    table = fit.table.copy()
    limits = fit.conf_int(level)
    table["conf_low"], table["conf_high"] = limits["conf_low"].to_numpy(), limits["conf_high"].to_numpy()
    if n_patients < FEW_FOR_P:
        table["p_value"] = np.nan
    table["term"] = [words[term] for term in table["term"]]
    return (table.assign(sign=sign.name, n=fit.n_obs, n_patients=n_patients)).to_dict("records")


# ---- the course over minutes


def nominal_of(rows: VitalRows, ask: Ask, sign: str) -> NDArray[np.float64]:
    """Minutes after the start at which the course is given: those asked for, or the commonest."""
    if ask.nominal is not None:
        return ask.nominal[ask.nominal > 0]
    return common_minutes(rows.found, sign, ask.window)


def course_table(rows: VitalRows, ask: Ask) -> tuple[pd.DataFrame, list[str]]:
    """Mean change from baseline at each nominal minute by group of sessions, or by level of `by`."""
    found, notes = [], []
    for sign in rows.signs:
        frame, names = _course_frame(rows, ask, sign.name)
        n_patients = frame["patient_id"].nunique()
        if n_patients < LEAST_PATIENTS:
            notes.append(_too_few(sign, n_patients, "the course over minutes"))
            continue
        factors = [name for name in ("at", "group") if frame[name].nunique() > 1]
        fit, why = _fitted(f"change ~ {' * '.join(factors) or '1'} + {_random(frame)}", frame)
        if fit is None:
            notes.append(f"{sign.label}: no model of the course over minutes ({why}).")
            continue
        found += _means(fit, frame, factors, names, sign.name, ask)
    columns = COURSE if ask.by is None else {name: kind for name, kind in COURSE.items() if name != "group"}
    return framed(found, columns, ask.by), notes


def _course_frame(rows: VitalRows, ask: Ask, sign: str) -> tuple[pd.DataFrame, list]:
    """A row per session and nominal minute with a reading near it, and the names of the groups."""
    nominal = nominal_of(rows, ask, sign)
    empty = pd.DataFrame({name: [] for name in ("patient_id", "session", "at", "group", "change")})
    if not nominal.size:
        return empty, []
    picked, minute = at_nominal(rows.found, nominal)
    base, value = rows.base[sign], picked.values[sign]
    session = picked.session
    kept = np.isfinite(value) & (picked.minute > base.minute[session])
    session, minute, read_at = session[kept], minute[kept], picked.minute[kept]
    if ask.by is None:
        names = [name for name, _ in SESSION_GROUPS]
        group = np.searchsorted([last for _, last in SESSION_GROUPS], rows.number[session])
    else:
        names, group = list(rows.grouped.levels), rows.grouped.code[session]
    frame = pd.DataFrame(
        {
            "patient_id": rows.owner[session], "session": session, "minute": minute, "group": group,
            "read_at": read_at,
            "change": value[kept] - base.value[session],
        }
    )  # fmt: skip
    frame = frame[frame["group"] >= 0]
    n_patients = frame.groupby(["minute", "group"])["patient_id"].transform("nunique")
    frame = frame[n_patients >= LEAST_PER_CELL].reset_index(drop=True)
    # Words as levels: a number would be a slope.
    frame["at"] = _words("m", np.searchsorted(nominal, frame["minute"]))
    frame["group"] = _words("g", frame["group"].to_numpy())
    return frame, names


def _random(frame: pd.DataFrame) -> str:
    """Levels of patients, and of sessions where the rows can tell these apart."""
    patients = frame.drop_duplicates("session")["patient_id"].value_counts()
    often = (patients >= 2).sum() >= LEAST_PATIENTS
    repeated = (frame["session"].value_counts() >= 2).sum() >= LEAST_PATIENTS
    return "(1 | patient_id) + (1 | patient_id:session)" if often and repeated else "(1 | patient_id)"


def _words(letter: str, codes: NDArray) -> pd.Categorical:
    """Codes as a factor with a word for each."""
    levels, place = np.unique(codes, return_inverse=True)
    return pd.Categorical.from_codes(place, categories=[f"{letter}{level}" for level in levels])


def _means(fit: LmmResult, frame: pd.DataFrame, factors: list[str], names: list, sign: str, ask: Ask):
    """Marginal means of every cell that has sessions."""
    cells = frame.groupby(["group", "at"], observed=True).agg(
        n=("session", "size"),
        n_patients=("patient_id", "nunique"),
        minute=("minute", "first"),
        minute_mean=("read_at", "mean"),
    )
    if factors:
        means = marginal_means(fit, "at" if "at" in factors else "group",
                               by="group" if len(factors) > 1 else None, level=ask.level).table  # fmt: skip
        means = means.assign(**{name: frame[name].iloc[0] for name in ("at", "group") if name not in factors})
    else:
        limits = fit.conf_int(ask.level).iloc[0]
        means = fit.table.assign(at=frame["at"].iloc[0], group=frame["group"].iloc[0], **limits)
    means = means.set_index(["group", "at"])
    found = []
    for key, cell in cells.iterrows():
        mean = means.loc[key]
        name = names[int(key[0][1:])]
        where = {"group": name} if ask.by is None else {ask.by: name}
        values = {name: float(mean[name]) for name in COURSE if name in means.columns and name != "n"}
        sizes = {"n": int(cell["n"]), "n_patients": int(cell["n_patients"])}
        # Ten readings' mean in full would tell that there are ten.
        at = {"minute": float(cell["minute"]), "minute_mean": round(float(cell["minute_mean"]), 1)}
        found.append({"sign": sign} | at | where | values | sizes)
    return found


# ---- both


def _fitted(formula: str, frame: pd.DataFrame) -> tuple[LmmResult | None, str]:
    """The fit, or why there is none."""
    df = "kenward-roger" if frame["patient_id"].nunique() < FEW_PATIENTS else "satterthwaite"
    try:
        return lmm(formula, frame, df=df), ""
    except (FormulaError, ConvergenceError, DataError) as error:
        return None, str(error).rstrip(".")


def _too_few(sign: VitalSign, n_patients: int, what: str) -> str:
    return f"{sign.label}: {what} takes {LEAST_PATIENTS} patients or more; {n_patients} have the readings."
