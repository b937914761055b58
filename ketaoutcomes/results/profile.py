"""Intervals of a mixed model from its likelihood and from simulated responses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ketaoutcomes.derive.arguments import check_count
from ketaoutcomes.draw.labels import DASH, count
from ketaoutcomes.engine.profile import Quantity, profile
from ketaoutcomes.engine.resample import Rows, bootstrap, limits
from ketaoutcomes.results.base import Result
from ketaoutcomes.results.mixed_fit import MixedFit
from ketaoutcomes.results.mixed_words import significant
from ketaoutcomes.results.text import confidence

__all__ = ["BootstrapResult", "ProfileResult", "bootstrap_of", "profile_of"]

EFFECTS = {
    "sd": "standard deviation",
    "correlation": "correlation",
    "sigma": "residual SD",
    "fixed": "coefficient",
}
EDGES = {"sd": (0.0,), "correlation": (-1.0, 1.0)}


@dataclass(frozen=True, eq=False, repr=False)
class ProfileResult(Result):
    """Profile-likelihood intervals; made by `LmmResult.profile`.

    `.table` has one row per parameter: `term` (lme4's names), `kind` ("sd", "correlation", "sigma", "fixed"),
    `group`, `term_1`, `term_2`, `estimate` (by maximum likelihood), `conf_low`, `conf_high`.

    Attributes
    ----------
    level : float
    curve : DataFrame
        `term`, `value`, `zeta`: signed root of the rise in deviance, exact at each value.
    """

    level: float
    curve: pd.DataFrame

    def readable(self) -> tuple[pd.DataFrame, tuple[str, ...]]:
        """Estimates and limits as text."""
        return _readable(self.table, self.level), ("term", "what")

    def plot(self, ax=None, *, title=None):
        """Zeta curve of each parameter: straight where a normal interval would do; `title` in bold above."""
        from ketaoutcomes.draw.profile import profile as draw

        limits = self.table.assign(
            interval=_intervals(self.table), what=[EFFECTS[kind] for kind in self.table["kind"]]
        )
        return draw(self.curve, ax, level=self.level, title=title, heading=self.title, limits=limits)


@dataclass(frozen=True, eq=False, repr=False)
class BootstrapResult(Result):
    """Parametric-bootstrap intervals; made by `LmmResult.bootstrap`.

    `.table` has one row per parameter: `term`, `kind`, `group`, `term_1`, `term_2`, `estimate`, `bias` (mean
    of the replicates less the estimate), `std_error`, `conf_low`, `conf_high` (percentiles of the
    replicates), `basic_low`, `basic_high` (percentiles mirrored at the estimate).

    Attributes
    ----------
    response : str
        As in the formula.
    level : float
    n_replicates, n_failed, n_singular, seed : int
    replicates : DataFrame
        One row per replicate, one column per term; missing where the fit failed or a correlation is
        not defined.
    """

    response: str
    level: float
    n_replicates: int
    n_failed: int
    n_singular: int
    seed: int
    replicates: pd.DataFrame

    def readable(self) -> tuple[pd.DataFrame, tuple[str, ...]]:
        """Estimates and percentile limits as text."""
        return _readable(self.table, self.level), ("term", "what")

    def plot(self, ax=None, *, title=None):
        """Forest of the coefficients with their percentile limits; `title` in bold above."""
        from ketaoutcomes.draw.effects import effects

        heading = (
            f"Coefficients of the model of {self.response}; lines: percentiles of "
            f"{count(self.n_replicates - self.n_failed)} parametric-bootstrap replicates"
        )
        return effects(
            self.table[self.table["kind"] == "fixed"], ax, title=title, heading=heading,
            response=self.response, level=self.level,
        )  # fmt: skip


def profile_of(fit: MixedFit, level: float) -> ProfileResult:
    """Profile-likelihood intervals of all parameters of a fit, by maximum likelihood."""
    profiles = profile(fit.engine, level=level)
    labels = _labels(fit, [each.quantity for each in profiles])
    table = labels.assign(
        estimate=[each.estimate for each in profiles],
        conf_low=[each.low for each in profiles],
        conf_high=[each.high for each in profiles],
    )
    curve = pd.concat(
        [
            pd.DataFrame({"term": term, "value": each.values, "zeta": each.zeta})
            for term, each in zip(labels["term"], profiles, strict=True)
        ],
        ignore_index=True,
    )
    notes = ["Each limit is exact for its profile, not read off an interpolated curve."]
    if fit.reml:
        notes.append(
            "By maximum likelihood: the model, fitted by REML, was fitted again; estimates differ slightly."
        )
    failures = [
        (term, each.failure) for term, each in zip(labels["term"], profiles, strict=True) if each.failure
    ]
    notes += [f"PROFILE: no limits for {term}, because {failure}." for term, failure in failures]
    at_edge = [
        f"{row['term']} ({significant(row[end])})"
        for row in table.dropna(subset="estimate").to_dict("records")
        for end in ("conf_low", "conf_high")
        if row[end] in EDGES.get(row["kind"], ())
    ]
    if at_edge:
        notes.append(
            f"A limit is the least or greatest possible value, which the data do not exclude: "
            f"{', '.join(at_edge)}."
        )
    undefined = table.loc[table["estimate"].isna(), "term"]
    notes += [
        f"{term}: one of the two has no variance, so that any correlation fits as well." for term in undefined
    ]
    return ProfileResult(
        title=f"Profile-likelihood intervals of the model of {fit.design.response}",
        table=table,
        notes=tuple(notes),
        definitions=(
            (
                "Profile interval",
                "The values that, held fixed, raise −2 log-likelihood of the best fit by less than the "
                "chi-squared quantile on 1 df",
                "Bates, Maechler, Bolker, Walker 2015, section 5.1",
            ),
        ),
        provenance=_provenance(fit, "profile", {"level": level}),
        level=level,
        curve=curve,
    )


def bootstrap_of(fit: MixedFit, n_replicates: int, seed: int, level: float) -> BootstrapResult:
    """Parametric-bootstrap intervals of all parameters of a fit."""
    check_count("n_replicates", n_replicates, least=2, meaning="; 1000 is usual")
    check_count("seed", seed, meaning=", the same for the same numbers")
    rows = Rows(fit.engine.sums, fit.frame.groupings, fit.rows_x, fit.frame.weights)
    drawn = bootstrap(fit.engine, rows, n_replicates=n_replicates, seed=seed)
    percentile, basic = limits(drawn, level)
    labels = _labels(fit, drawn.quantities)
    replicates = pd.DataFrame(drawn.values, columns=list(labels["term"]))
    means, spreads = replicates.mean().to_numpy(), replicates.std().to_numpy()
    table = labels.assign(
        estimate=drawn.estimates, bias=means - drawn.estimates, std_error=spreads,
        conf_low=percentile[0], conf_high=percentile[1], basic_low=basic[0], basic_high=basic[1],
    )  # fmt: skip
    n_failed, n_singular = int(drawn.failed.sum()), int(drawn.singular.sum())
    fitted = n_replicates - n_failed
    notes = [
        f"{count(n_replicates)} responses drawn from the fitted model (seed {seed}) and fitted by "
        f"{'REML' if fit.reml else 'maximum likelihood'}; {count(n_failed)} could not be fitted.",
        f"{count(n_singular)} of {count(fitted)} fits lie at a boundary (a variance of 0, or a correlation "
        "of ±1).",
        "Limits are percentiles of the replicates; they assume that the model holds.",
    ]
    for term, known in replicates.notna().sum().items():
        if known < fitted:
            notes.append(
                f"{term} is not defined in {count(fitted - known)} fits, which its limits leave out."
            )
    return BootstrapResult(
        title=f"Parametric-bootstrap intervals of the model of {fit.design.response}",
        table=table,
        notes=tuple(notes),
        definitions=(),
        provenance=_provenance(
            fit, "bootstrap", {"n_replicates": n_replicates, "seed": seed, "level": level}
        ),
        response=fit.design.response,
        level=level,
        n_replicates=n_replicates,
        n_failed=n_failed,
        n_singular=n_singular,
        seed=seed,
        replicates=replicates,
    )


def _labels(fit: MixedFit, quantities: Sequence[Quantity]) -> pd.DataFrame:
    """Names of parameters: term (as lme4 writes it), kind, group, term_1, term_2."""
    rows = []
    for quantity in quantities:
        kind = quantity.kind
        if kind == "fixed":
            name = fit.terms[quantity.first]
            rows.append((name, kind, None, name, None))
            continue
        if kind == "sigma":
            rows.append(("sigma", kind, "Residual", None, None))
            continue
        piece = fit.engine.sums.pieces[quantity.block]
        grouping = fit.frame.groupings[piece.grouping]
        names = grouping.blocks[piece.block].names
        one = names[quantity.first]
        if kind == "sd":
            rows.append((f"sd_{one}|{grouping.name}", kind, grouping.name, one, None))
        else:
            two = names[quantity.second]
            rows.append((f"cor_{one}.{two}|{grouping.name}", kind, grouping.name, two, one))
    return pd.DataFrame(rows, columns=["term", "kind", "group", "term_1", "term_2"])


def _readable(table: pd.DataFrame, level: float) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "term": table["term"],
            "what": [EFFECTS[kind] for kind in table["kind"]],
            "estimate": [significant(value) for value in table["estimate"]],
            confidence(level): _intervals(table),
        }
    )


def _intervals(table: pd.DataFrame) -> list[str]:
    """Both limits in words; a dash where there are none."""
    return [
        DASH if np.isnan(low) and np.isnan(high) else f"{significant(low)} to {significant(high)}"
        for low, high in zip(table["conf_low"], table["conf_high"], strict=True)
    ]


def _provenance(fit: MixedFit, function: str, arguments: dict) -> dict:
    """The model's origin with what was asked of it."""
    model = dict(fit.provenance)
    return model | {"function": function, "arguments": {**arguments, "model": model.get("arguments", {})}}
