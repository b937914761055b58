# Least squares with CR2 covariance and Bell-McCaffrey degrees of freedom: clubSandwich's coef_test (Satterthwaite) and
# linear_contrast. Chicks of unequal numbers of weighings (datasets::ChickWeight: diet constant within a chick, time
# varying), and herds (lme4::cbpp: period varying within a herd, weighted by size; herds as columns; one row per animal).
# Run: Rscript tests/reference/cluster_robust.R > tests/reference/cluster_robust.json
suppressPackageStartupMessages({library(jsonlite); library(clubSandwich); library(lme4)})

fitted <- function(model, cluster, contrasts = NULL, shown = names(coef(model)), ...) {
  covariance <- vcovCR(model, cluster = cluster, type = "CR2", ...)
  tested <- coef_test(model, vcov = covariance, test = "Satterthwaite")
  limits <- conf_int(model, vcov = covariance, level = 0.9, test = "Satterthwaite")
  keep <- match(shown, names(coef(model)))
  answer <- list(
    x = unname(model.matrix(model)), columns = names(coef(model)), shown = keep - 1L,
    params = tested$beta[keep], std_error = tested$SE[keep], df = tested$df_Satt[keep],
    low_90 = limits$CI_L[keep], high_90 = limits$CI_U[keep], cov = unname(as.matrix(covariance))[keep, keep, drop = FALSE]
  )
  if (is.null(contrasts)) return(answer)
  combined <- linear_contrast(model, vcov = covariance, contrasts = contrasts, level = 0.95)
  c(answer, list(
    contrasts = unname(contrasts), estimate = combined$Est, contrast_error = combined$SE, contrast_df = combined$df,
    low = combined$CI_L, high = combined$CI_U
  ))
}

chick <- as.data.frame(ChickWeight)
chick$Chick <- as.integer(as.character(chick$Chick))
by_diet <- fitted(
  lm(weight ~ Diet + Time, chick), chick$Chick,
  rbind(c(0, 1, -1, 0, 0), c(1, 0, 0, 1, 10), c(0, 0.5, 0.5, -1, 0))
)
herds <- cbpp
herds$herd <- as.integer(as.character(herds$herd))
herds$share <- herds$incidence / herds$size
by_size <- lm(share ~ period, herds, weights = size)
x <- model.matrix(by_size)
root <- sqrt(herds$size)
# Contrasts need a model without weights: rows times the root of their weight are the same model.
weighted <- fitted(
  lm(root * share ~ 0 + I(root * x), herds), herds$herd, rbind(c(1, 1, 0, 0), c(0, 0, 1, -1))
)
weighted$x <- unname(x)
by_weight <- vcovCR(by_size, cluster = herds$herd, type = "CR2", target = 1 / herds$size, inverse_var = FALSE)
stopifnot(
  all.equal(coef_test(by_size, vcov = by_weight)$SE, weighted$std_error),
  all.equal(coef_test(by_size, vcov = by_weight, test = "Satterthwaite")$df_Satt, weighted$df)
)
within <- fitted(
  lm(share ~ period + factor(herd), herds), herds$herd, shown = c("period2", "period3", "period4")
)
animals <- herds[rep(seq_len(nrow(herds)), herds$size), ]
animals$case <- unlist(mapply(function(x, n) rep(c(1, 0), c(x, n - x)), herds$incidence, herds$size))
overall <- fitted(lm(case ~ 1, animals), animals$herd)
overall$x <- NULL

answer <- list(
  versions = list(
    R = R.version.string, clubSandwich = as.character(packageVersion("clubSandwich")),
    lme4 = as.character(packageVersion("lme4"))
  ),
  chick = list(y = chick$weight, cluster = chick$Chick, fit = by_diet),
  herds = list(
    y = herds$share, cluster = herds$herd, weights = herds$size, incidence = herds$incidence,
    weighted = weighted, within = within, overall = overall
  )
)
cat(toJSON(answer, digits = 15, auto_unbox = TRUE), "\n")
