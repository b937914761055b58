# Linear mixed models of classic data sets at lme4's optimum, polished by Newton steps (see lmm_models.R):
# criteria, estimates, random effects, predictions, R2, leverage, deletion of a group, likelihood-ratio tests.
# Writes the data beside it (lmm_*.csv). Run: Rscript tests/reference/lmm_fits.R > tests/reference/lmm_fits.json
here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(FALSE), value = TRUE)))
source(file.path(here, "lmm_models.R"))

for (name in grep("_unbalanced", names(frames), value = TRUE, invert = TRUE)) {
  write.csv(frames[[name]], file.path(here, paste0("lmm_", name, ".csv")), row.names = FALSE, quote = FALSE)
}

components <- function(fit) {
  table <- as.data.frame(VarCorr(fit))
  table$grp <- sub("\\.[0-9]+$", "", table$grp)  # the second term of (1 + x || g) is called g.1
  names(table) <- c("group", "term_1", "term_2", "variance", "sd_or_corr")
  table
}

fixed <- function(f) {
  fit <- f$fit
  list(
    deviance = f$deviance, logLik = as.numeric(logLik(fit)), aic = AIC(fit), bic = BIC(fit), theta = listed(f$theta),
    gradient = listed(f$gradient), singular = any(!f$free), sigma = sigma(fit), terms = listed(names(fixef(fit))),
    beta = listed(fixef(fit)), se = listed(sqrt(diag(as.matrix(vcov(fit))))), vcov = unname(as.matrix(vcov(fit))),
    components = components(fit)
  )
}

# Prediction errors of the random effects, from Henderson's equations in the scaled effects (no inverse of G).
henderson <- function(f) {
  d <- dense(f)
  zl <- d$z %*% d$lambda
  w <- f$weights
  top <- cbind(crossprod(d$x, w * d$x), crossprod(d$x, w * zl))
  bottom <- cbind(crossprod(zl, w * d$x), crossprod(zl, w * zl) + diag(ncol(zl)))
  p <- ncol(d$x)
  scale <- diag(p + ncol(zl))
  scale[-seq_len(p), -seq_len(p)] <- d$lambda
  within <- d$lambda %*% solve(crossprod(zl, w * zl) + diag(ncol(zl)), t(d$lambda))
  list(joint = d$sigma2 * scale %*% solve(rbind(top, bottom), t(scale)), conditional = d$sigma2 * within, p = p)
}

random <- function(f) {
  index <- effects_index(f)
  index$value <- as.numeric(crossprod(getME(f$fit, "Lambdat"), getME(f$fit, "u")))
  stopifnot(all.equal(sort(index$value), sort(unlist(lapply(ranef(f$fit, condVar = FALSE), unlist), use.names = FALSE))))
  h <- henderson(f)
  errors <- h$joint[-seq_len(h$p), -seq_len(h$p), drop = FALSE]
  sapply(unique(index$grouping), function(grouping) {
    rows <- index[index$grouping == grouping, ]
    of <- function(group) which(index$grouping == grouping & index$group == group)
    groups <- unique(rows$group)
    terms <- unique(rows$term)
    values <- t(sapply(groups, function(g) index$value[of(g)], USE.NAMES = FALSE))
    if (length(terms) == 1) values <- matrix(values, ncol = 1)
    list(
      terms = listed(terms), groups = listed(groups), values = values,
      conditional_variance = lapply(unname(groups[1:3]), function(g) h$conditional[of(g), of(g), drop = FALSE]),
      prediction_error = lapply(unname(groups[1:3]), function(g) errors[of(g), of(g), drop = FALSE])
    )
  }, simplify = FALSE)
}

# New rows: three of the data's rows, numbers half a unit on, of groups that were in the fit.
predictions <- function(f) {
  variables <- all.vars(f$model$formula)
  response <- variables[1]
  n <- nrow(f$data)
  new <- f$data[c(1, n %/% 2, n), setdiff(variables, response), drop = FALSE]
  for (name in names(new)) if (is.numeric(new[[name]])) new[[name]] <- new[[name]] + 0.5
  both <- rbind(f$data[, names(new), drop = FALSE], new)
  both[[response]] <- 0
  both <- lFormula(f$model$formula, both, control = lmerControl(check.scaleX = "ignore"))
  last <- n + 1:3
  x <- both$X[last, , drop = FALSE]
  z <- t(as.matrix(both$reTrms$Zt))[last, , drop = FALSE]
  h <- henderson(f)
  effects <- as.numeric(crossprod(getME(f$fit, "Lambdat"), getME(f$fit, "u")))
  mean <- as.numeric(x %*% fixef(f$fit))
  known <- mean + as.numeric(z %*% effects)
  stopifnot(all.equal(known, unname(predict(f$fit, newdata = new))))
  xz <- cbind(x, z)
  between <- sigma(f$fit)^2 * crossprod(getME(f$fit, "Lambdat"))
  list(
    new = new, population = listed(mean), population_se = listed(sqrt(diag(x %*% as.matrix(vcov(f$fit)) %*% t(x)))),
    random_variance = listed(diag(z %*% as.matrix(between) %*% t(z))),
    group = listed(known), group_se = listed(sqrt(diag(xz %*% h$joint %*% t(xz))))
  )
}

# Nakagawa & Schielzeth R2 with the variance of X beta over n - 1, as MuMIn; shares of variance (intercepts only).
r_squared <- function(f) {
  between <- sigma(f$fit)^2 * crossprod(getME(f$fit, "Lambdat"))
  z <- getME(f$fit, "Z")
  of_random <- mean(rowSums(as.matrix(z %*% between) * as.matrix(z)))
  of_fixed <- var(as.numeric(getME(f$fit, "X") %*% fixef(f$fit)))
  total <- of_fixed + of_random + sigma(f$fit)^2
  list(marginal = of_fixed / total, conditional = (of_fixed + of_random) / total)
}
shares <- function(f) {
  table <- components(f$fit)
  if (any(table$term_1 != "(Intercept)", na.rm = TRUE)) return(NULL)
  total <- sum(table$variance)
  as.list(setNames(table$variance / total, table$group))
}

# One group out at a time: generalised least squares without its rows, theta and sigma as in the full fit.
deletion <- function(f) {
  d <- dense(f)
  gls <- function(rows) {
    v <- d$v[rows, rows]
    a <- crossprod(d$x[rows, , drop = FALSE], solve(v, d$x[rows, , drop = FALSE]))
    list(a = a, beta = solve(a, crossprod(d$x[rows, , drop = FALSE], solve(v, d$y[rows]))))
  }
  full <- gls(seq_along(d$y))
  stopifnot(all.equal(as.numeric(full$beta), unname(fixef(f$fit)), tolerance = 1e-8))
  sapply(names(f$parts$reTrms$flist), function(grouping) {
    of <- f$parts$reTrms$flist[[grouping]]
    change <- t(sapply(levels(of), function(g) as.numeric(gls(which(of != g))$beta - full$beta), USE.NAMES = FALSE))
    if (ncol(d$x) == 1) change <- matrix(change, ncol = 1)
    list(groups = listed(levels(of)), dfbeta = -change,
         cook = listed(rowSums((change %*% full$a) * change) / (ncol(d$x) * d$sigma2)))
  }, simplify = FALSE)
}

describe <- function(name) {
  reml <- fit_model(name)
  weighted <- reml$model$weights
  answer <- list(
    formula = reml$text, data = paste0("lmm_", sub("_unbalanced", "", reml$model$data), ".csv"),
    unbalanced = grepl("_unbalanced", reml$model$data), weights = if (is.null(weighted)) NA else weighted,
    factors = listed(names(Filter(is.factor, reml$data))), n_obs = nrow(reml$data),
    n_groups = as.list(getME(reml$fit, "l_i")), reml = fixed(reml), ml = fixed(fit_model(name, FALSE))
  )
  names(answer$n_groups) <- names(reml$parts$reTrms$flist)
  answer$random <- random(reml)
  answer$fitted <- listed(fitted(reml$fit))
  answer$hat <- listed(hatvalues(reml$fit))
  answer$predictions <- predictions(reml)
  answer$r_squared <- r_squared(reml)
  answer$icc <- shares(reml)
  answer$deletion <- deletion(reml)
  answer
}

ratio <- function(small, large, reml = FALSE) {
  a <- fit_model(small, reml)
  b <- fit_model(large, reml)
  df <- attr(logLik(b$fit), "df") - attr(logLik(a$fit), "df")
  list(small = small, large = large, reml = reml, statistic = a$deviance - b$deviance, df = df,
       p_value = pchisq(a$deviance - b$deviance, df, lower.tail = FALSE))
}

emit(list(
  versions = versions(), models = sapply(names(models), describe, simplify = FALSE),
  likelihood_ratio = list(
    ratio("sleepstudy_intercept", "sleepstudy"), ratio("sleepstudy_intercept", "sleepstudy", TRUE),
    ratio("sleepstudy_uncorrelated", "sleepstudy"), ratio("sleepstudy_intercept", "sleepstudy_uncorrelated"),
    ratio("orthodont", "orthodont_slope"), ratio("oats", "oats_interaction"), ratio("cake_additive", "cake")
  )
))
