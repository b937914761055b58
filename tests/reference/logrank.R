# Log-rank scores of exact and right-censored times: survival::aml (Miller 1997) and survival::veteran
# (Kalbfleisch and Prentice 1980). Scores are the martingale residuals of a Cox model without covariates; O - E is
# survdiff's; the chi-squared statistic by permutation is (n - 1) sum n_g cbar_g^2 / sum c^2.
# Run: Rscript tests/reference/logrank.R > tests/reference/logrank.json
suppressPackageStartupMessages({
  library(survival)
  library(jsonlite)
})

scores_of <- function(time, status) {
  residuals(coxph(Surv(time, status) ~ 1, ties = "breslow"), type = "martingale")
}

compared <- function(time, status, group) {
  score <- scores_of(time, status)
  test <- survdiff(Surv(time, status) ~ group)
  n <- length(time)
  means <- tapply(score, group, mean)
  list(
    time = time, status = status, group = as.character(group), score = unname(score),
    groups = levels(factor(group)), observed_minus_expected = unname(test$obs - test$exp),
    chi_squared = (n - 1) * sum(table(group) * means^2) / sum((score - mean(score))^2)
  )
}

# Sums of O - E over strata, and the permutation variance of the first group's.
stratified <- function(time, status, group, stratum) {
  test <- survdiff(Surv(time, status) ~ group + strata(stratum))
  first <- group == sort(unique(group))[1]
  variance <- sum(sapply(unique(stratum), function(s) {
    rows <- stratum == s
    var(scores_of(time[rows], status[rows])) * sum((first[rows] - mean(first[rows]))^2)
  }))
  list(
    stratum = as.character(stratum), group = as.character(group),
    observed_minus_expected = unname(rowSums(test$obs - test$exp)), variance = variance
  )
}

answer <- list(
  versions = list(R = R.version.string, survival = as.character(packageVersion("survival"))),
  aml = with(aml, compared(time, status, x)),
  veteran = with(veteran, compared(time, status, celltype)),
  veteran_trt_by_celltype = with(veteran, stratified(time, status, trt, celltype))
)
cat(toJSON(answer, auto_unbox = TRUE, digits = 15, pretty = TRUE), "\n")
