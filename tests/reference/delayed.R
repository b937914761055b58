# Left-truncated product-limit curves (survfit) and logistic regressions (glm).
# Run: Rscript tests/reference/delayed.R > tests/reference/delayed.json
suppressPackageStartupMessages({
  library(survival)
  library(jsonlite)
})

curve <- function(entry, time, event) {
  fit <- survfit(Surv(entry, time, event) ~ 1)
  list(
    entry = entry, time = time, event = event,
    at = fit$time, n_at_risk = fit$n.risk, n_events = fit$n.event, survival = fit$surv
  )
}

regression <- function(formula, data, weights) {
  data$w <- weights
  fit <- glm(formula, binomial, data, weights = w, control = glm.control(epsilon = 1e-14, maxit = 50))
  list(
    x = unname(model.matrix(fit)), y = data$case, weights = weights, params = unname(coef(fit)),
    cov = unname(vcov(fit)), log_likelihood = -fit$deviance / 2
  )
}

some <- myeloma[seq(1, nrow(myeloma), by = 30), ]
some <- some[some$entry < some$futime, ]
set.seed(1)
entry <- round(rexp(60, 1 / 5) * (runif(60) < 0.7))
time <- entry + 1 + round(rexp(60, 1 / 6))
event <- as.integer(runif(60) < 0.6)

answer <- list(
  versions = list(R = R.version.string, survival = as.character(packageVersion("survival"))),
  myeloma = curve(some$entry, some$futime, some$death),
  ties = curve(entry, time, event),
  # The two rows at risk first both have the event, so that the curve is 0 from 2 on.
  falls_to_zero = curve(c(0, 0, 3, 3, 4, 5), c(1, 2, 6, 7, 9, 9), c(1, 1, 1, 0, 1, 0)),
  # An entry at the time of an event is not at risk for it.
  entry_at_event = curve(c(0, 0, 0, 2, 2), c(2, 3, 5, 3, 6), c(1, 1, 0, 1, 1)),
  infert = regression(case ~ spontaneous + induced + age, infert, rep(1, nrow(infert))),
  infert_weighted = regression(case ~ spontaneous + induced, infert, rep(c(0, 1, 2), length.out = nrow(infert)))
)
cat(toJSON(answer, auto_unbox = TRUE, digits = 15, na = "null"), "\n")
