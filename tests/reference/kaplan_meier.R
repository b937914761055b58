# Kaplan-Meier curves of survival::aml (Miller 1997) and of small cases with ties and a flat half.
# Run: Rscript tests/reference/kaplan_meier.R > tests/reference/kaplan_meier.json
suppressPackageStartupMessages({
  library(survival)
  library(jsonlite)
})

curve <- function(time, event, weights = NULL) {
  frame <- data.frame(time = time, event = event)
  frame$w <- if (is.null(weights)) rep(1, length(time)) else weights
  fit <- survfit(Surv(time, event) ~ 1, data = frame, weights = w, conf.type = "log-log")
  half <- quantile(fit, 0.5)
  list(
    time = fit$time, n_at_risk = fit$n.risk, n_events = fit$n.event, n_censored = fit$n.censor,
    survival = fit$surv, std_error = fit$surv * fit$std.err, conf_low = fit$lower, conf_high = fit$upper,
    median = half$quantile, median_low = half$lower, median_high = half$upper
  )
}

aml_of <- function(group) with(subset(aml, x == group), curve(time, status))
answer <- list(
  versions = list(R = R.version.string, survival = as.character(packageVersion("survival"))),
  aml_maintained = aml_of("Maintained"),
  aml_nonmaintained = aml_of("Nonmaintained"),
  flat_at_half = curve(c(1, 2, 3, 4), c(1, 1, 1, 1)),
  tied = curve(c(2, 2, 2, 3, 3, 5, 5, 6), c(1, 0, 1, 1, 0, 0, 1, 0)),
  weighted = curve(c(1, 2, 4, 4, 7), c(1, 0, 1, 0, 1), c(3, 1, 2, 2, 4)),
  no_events = curve(c(1, 2, 3), c(0, 0, 0))
)
cat(toJSON(answer, auto_unbox = TRUE, digits = 15, na = "null", pretty = TRUE), "\n")
