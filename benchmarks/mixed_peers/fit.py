"""One Python peer in a process of its own: reads requests from stdin, answers in JSON on stdout.

    python fit.py PEER MODEL

Requests, one to a line: `load PATH` reads the simulated clinics, `fit` fits once and answers
with seconds, memory and what was estimated. An answer is one line. Only the way from the frame
in memory to the coefficient table is timed.
"""

from __future__ import annotations

import ctypes
import functools
import gc
import json
import os
import re
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

FIXED = "score ~ day*route + baseline + sex"
RANDOM = {
    "intercept": ["(1 | patient_id)"],
    "slope": ["(1 + day | patient_id)"],
    "clinic": ["(1 | clinic_id)", "(1 | patient_id)"],
}


@dataclass(frozen=True)
class Adapter:
    """How one peer is used."""

    fit: Callable  # (data, model) -> (fit, table); timed
    facts: Callable  # fit -> names, estimates, degrees of freedom or None, REML deviance
    load: Callable


def formula(model):
    """The whole formula in the way of lme4."""
    return " + ".join([FIXED, *RANDOM[model]])


def read_pandas(path):
    return import_module("pandas").read_csv(path)


def read_polars(path):
    return import_module("polars").read_csv(path)


def ours(data, model, df):
    fit = import_module("ketaoutcomes.analysis.mixed").lmm(formula(model), data, df=df)
    return fit, fit.table


def facts_of_ours(fit):
    return list(fit.params.index), list(fit.params), list(fit.df), fit.deviance


def statsmodels(data, model):
    mixedlm = import_module("statsmodels.formula.api").mixedlm
    if model == "clinic":
        parts = {"patient": "0 + C(patient_id)"}
        fit = mixedlm(FIXED, data, groups="clinic_id", re_formula="1", vc_formula=parts).fit()
    else:
        slope = "1 + day" if model == "slope" else None
        fit = mixedlm(FIXED, data, groups="patient_id", re_formula=slope).fit()
    return fit, fit.summary()


def facts_of_statsmodels(fit):
    return list(fit.fe_params.index), list(fit.fe_params), None, -2 * fit.llf


def mixedlm_rs(data, model):
    slope = "1 + day" if model == "slope" else None
    fit = import_module("mixedlm_rs").mixedlm(FIXED, data, groups="patient_id", re_formula=slope).fit()
    return fit, fit.summary()


def facts_of_mixedlm_rs(fit):
    return list(fit.fe_params_labelled.index), list(fit.fe_params), None, -2 * fit.llf


def lme_python(data, model):
    fit = import_module("lme_python").lmer(formula(model), data)
    fit.with_satterthwaite(data)
    return fit, fit.summary()


def facts_of_lme_python(fit):
    return fit.fixed_names, fit.coefficients, fit.satterthwaite_dfs, fit.reml_criterion


def interlace(data, model):
    fit = import_module("interlace").fit(FIXED, data, random=RANDOM[model])
    return fit, fit.summary()


def facts_of_interlace(fit):
    return list(fit.fe_params.index), list(fit.fe_params), list(fit.fe_df), -2 * fit.llf


ADAPTERS = {
    "ketaoutcomes": Adapter(functools.partial(ours, df="satterthwaite"), facts_of_ours, read_pandas),
    "ketaoutcomes KR": Adapter(functools.partial(ours, df="kenward-roger"), facts_of_ours, read_pandas),
    "statsmodels": Adapter(statsmodels, facts_of_statsmodels, read_pandas),
    "mixedlm-rs": Adapter(mixedlm_rs, facts_of_mixedlm_rs, read_pandas),
    # Without pyarrow it takes only polars frames, which are what it uses inside.
    "lme-python": Adapter(lme_python, facts_of_lme_python, read_polars),
    "interlace-lme": Adapter(interlace, facts_of_interlace, read_pandas),
}


def same_name(name):
    """A name that all peers share: `day:route[T.IV]` and `day:route:IV` are `dayrouteIV`."""
    return re.sub(r"\[T\.|[\]:()]", "", name)


def resident(field):
    """Memory in bytes by /proc (VmRSS now, VmHWM the peak); None where there is no such file."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return None
    found = re.search(rf"{field}:\s+(\d+) kB", status)
    return int(found[1]) * 1024 if found else None


def forget_peak():
    """Give free memory back and let the peak start from here (Linux)."""
    gc.collect()
    try:
        ctypes.CDLL(None).malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5")
    except (OSError, AttributeError):
        return None
    return resident("VmRSS")


def fitted(adapter, data, model):
    """One fit: its answer."""
    before = forget_peak()
    begin = time.perf_counter()
    fit, table = adapter.fit(data, model)
    seconds = time.perf_counter() - begin
    peak = resident("VmHWM")
    del table
    names, estimates, df, deviance = adapter.facts(fit)
    names = [same_name(name) for name in names]
    return {
        "seconds": seconds,
        "bytes": None if before is None or peak is None else peak - before,
        "estimates": dict(zip(names, map(float, estimates), strict=True)),
        "df": None if df is None else dict(zip(names, map(float, df), strict=True)),
        "deviance": float(deviance),
    }


def main():
    peer, model = sys.argv[1:3]
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a peer prints must not stand among the answers
    warnings.simplefilter("ignore")
    # A checkout that is not installed is measured too; its own folder comes last.
    sys.path.append(str(Path(__file__).resolve().parent.parent.parent))
    adapter, data = ADAPTERS[peer], None
    for line in sys.stdin:
        request, _, argument = line.strip().partition(" ")
        try:
            if request == "load":
                data = None
                data = adapter.load(argument)
                answer = {"rows": len(data)}
            else:
                answer = fitted(adapter, data, model)
        except Exception as error:  # whatever a peer raises is its result
            answer = {"error": f"{type(error).__name__}: {error}".splitlines()[0][:200]}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
