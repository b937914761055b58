# Marginal means and contrasts (emmeans on lmerTest and pbkrtest) of models of lmm_models.R at the polished optimum.
# emmeans integrates the multivariate t to 1e-3; p_mvt and p_dunnett are worked out to 1e-6 here, where the df
# are one whole number and the contrasts few.
# Run: Rscript tests/reference/lmm_margins.R > tests/reference/lmm_margins.json
here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(FALSE), value = TRUE)))
source(file.path(here, "lmm_models.R"))
suppressPackageStartupMessages({
  library(lmerTest)
  library(emmeans)
  library(mvtnorm)
})

tidy <- function(grid, adjust = character()) {
  table <- as.data.frame(summary(grid, infer = c(TRUE, TRUE), adjust = "none"))
  for (name in names(table)) if (is.factor(table[[name]])) table[[name]] <- as.character(table[[name]])
  names(table) <- sub("^emmean$", "estimate", names(table))
  renamed <- c(SE = "std_error", t.ratio = "statistic", p.value = "p_value", lower.CL = "conf_low", upper.CL = "conf_high")
  hit <- names(table) %in% names(renamed)
  names(table)[hit] <- renamed[names(table)[hit]]
  for (name in adjust) {
    adjusted <- as.data.frame(summary(grid, infer = c(TRUE, TRUE), adjust = name))
    table[[paste0("p_", name)]] <- adjusted$p.value
    if (name == "tukey") table[c("tukey_low", "tukey_high")] <- adjusted[c("lower.CL", "upper.CL")]
  }
  data.frame(table, check.names = FALSE)
}

# P(max |T| > |t|) for each contrast of a family, to about 1e-6; NULL where the df are not one whole number.
exact_family <- function(grid) {
  table <- as.data.frame(summary(grid))
  df <- unique(round(table$df, 4))
  if (length(df) != 1 || df != round(df) || nrow(table) > 6) return(NULL)
  correlation <- cov2cor(vcov(grid))
  set.seed(1)
  listed(sapply(abs(table$t.ratio), function(t) 1 - as.numeric(pmvt(
    rep(-t, nrow(table)), rep(t, nrow(table)), df = as.integer(df), corr = correlation,
    algorithm = GenzBretz(maxpts = 1e6, abseps = 1e-7)
  ))))
}

# Upper tail of the studentized range by nested quadrature; ptukey is off by 3e-7 at 5 df.
exact_tukey <- function(t, k, df) {
  below <- Vectorize(function(w) k * integrate(
    function(z) dnorm(z) * (pnorm(z) - pnorm(z - w))^(k - 1), -10, 12, rel.tol = 1e-12, abs.tol = 0)$value)
  density <- function(s) exp(log(2) + df / 2 * log(df / 2) - lgamma(df / 2) + (df - 1) * log(s) - df * s^2 / 2)
  integrate(function(s) (1 - below(sqrt(2) * abs(t) * s)) * density(s), 0, 1 + 12 / sqrt(df),
            rel.tol = 1e-8, abs.tol = 1e-13, subdivisions = 500)$value
}

family <- function(grid, reference) {
  pairs <- contrast(grid, "pairwise")
  number <- (1 + sqrt(1 + 8 * nrow(subset(as.data.frame(pairs), !duplicated(contrast))))) / 2
  against <- contrast(grid, "trt.vs.ctrl", ref = reference)
  by <- !is.null(grid@misc$by.vars)
  pairwise <- tidy(pairs, c("holm", "bonferroni", "sidak", "tukey"))
  pairwise$p_tukey_exact <- mapply(exact_tukey, pairwise$statistic, number, pairwise$df)
  list(
    pairwise = pairwise, against = tidy(against, "holm"),
    p_mvt = if (!by) exact_family(pairs), p_dunnett = if (!by) exact_family(against)
  )
}

margins <- function(name, factor, by = NULL, at = NULL, weights = "equal", reference = 1) {
  f <- fit_model(name)
  tested <- suppressMessages(as_lmerModLmerTest(f$fit))
  answer <- list(model = name, factor = factor, by = by, at = at, weights = weights,
                 reference = levels(f$data[[factor]])[reference])
  for (method in c("satterthwaite", "kenward-roger")) {
    grid <- suppressMessages(emmeans(tested, factor, by = by, at = at, weights = weights, lmer.df = method))
    answer[[sub("-", "_", method)]] <- c(list(means = tidy(grid)), family(grid, reference))
  }
  answer
}

# Lines of a design matrix: estimates, standard errors and df of single linear combinations.
lines_of <- function(name, rows) {
  f <- fit_model(name)
  tested <- suppressMessages(as_lmerModLmerTest(f$fit))
  satterthwaite <- contest(tested, rows, joint = FALSE)
  kr <- contest(tested, rows, joint = FALSE, ddf = "Kenward-Roger")
  columns <- function(x) data.frame(estimate = x$Estimate, std_error = x[["Std. Error"]], df = x$df,
                                    statistic = x[["t value"]], p_value = x[["Pr(>|t|)"]],
                                    conf_low = x$lower, conf_high = x$upper)
  list(model = name, rows = unname(rows), satterthwaite = columns(satterthwaite), kenward_roger = columns(kr))
}

at_days <- cbind(1, c(0, 5, 9))
emit(list(
  versions = versions("lmerTest", "pbkrtest", "emmeans", "mvtnorm"),
  margins = list(
    margins("oats", "nitro"), margins("oats", "Variety", reference = 2),
    margins("oats_interaction", "nitro", by = "Variety"), margins("oats_unbalanced", "nitro"),
    margins("oats_unbalanced", "Variety"), margins("oats_unbalanced", "nitro", weights = "proportional"),
    margins("machines", "Machine"), margins("machines_nested", "Machine"),
    margins("cake", "recipe"), margins("cake_additive", "temperature"),
    margins("orthodont", "Sex"), margins("orthodont", "Sex", at = list(age = 8)),
    margins("orthodont_slope", "Sex"), margins("orthodont_slope", "Sex", at = list(age = 14)),
    margins("clinics", "arm"), margins("clinics", "arm", at = list(day = 14))
  ),
  lines = list(
    lines_of("sleepstudy", at_days), lines_of("sleepstudy_intercept", at_days),
    lines_of("sleepstudy_uncorrelated", at_days), lines_of("sleepstudy_unbalanced", at_days),
    lines_of("singular_slope", at_days), lines_of("orthodont_slope", rbind(c(0, 0, 1, 14), c(1, 14, 1, 14))),
    lines_of("clinics", rbind(c(1, 14, 0, 0), c(0, 1, 0, 1), c(0, 0, 1, 7)))
  )
))
