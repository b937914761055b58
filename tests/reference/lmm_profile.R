# 95 % profile-likelihood limits (ML) of the models of lmm_models.R: the points where the profiled deviance is
# qchisq(0.95, 1) above its minimum, by root finding instead of lme4's spline, which is
# off by 2e-4 for the standard deviation of the dyestuff batches (lme4's own limits stand beside for three models).
# Run: Rscript tests/reference/lmm_profile.R > tests/reference/lmm_profile.json
here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(FALSE), value = TRUE)))
source(file.path(here, "lmm_models.R"))

minimum <- function(f, start, lower) {
  for (round in 1:3) {
    best <- nloptwrap(start, f, lower, rep(Inf, length(start)),
                      control = list(xtol_abs = 1e-11, ftol_abs = 1e-13, maxeval = 1e5))
    if (max(abs(best$par - start)) < 1e-7) break
    start <- best$par
  }
  best
}

# Limit of one parameter: `profiled(x, start)` gives the least deviance at x and where it is.
limit <- function(profiled, at, least, step, edge) {
  start <- NULL
  excess <- function(x) {
    best <- profiled(x, NULL)
    if (!is.null(start)) {
      again <- profiled(x, start)
      if (again$fval < best$fval) best <- again
    }
    start <<- best$par
    best$fval - least - qchisq(0.95, 1)
  }
  inner <- at
  repeat {
    outer <- inner + step
    if ((step < 0 && outer <= edge) || (step > 0 && outer >= edge)) {
      outer <- edge
      if (excess(edge) < 0) return(edge)
      break
    }
    if (excess(outer) > 0) break
    inner <- outer
  }
  root <- uniroot(excess, sort(c(inner, outer)), tol = abs(step) * 1e-9, maxiter = 200)$root
  if (abs(root) < abs(step) * 1e-8) 0 else root
}

describe <- function(name) {
  f <- fit_model(name, FALSE)
  lower <- f$parts$reTrms$lower
  env <- environment(f$devfun)
  n <- nrow(f$data)
  log_weights <- sum(log(f$weights))
  deviance_at <- function(theta, sigma) {
    f$devfun(theta)
    as.numeric(env$pp$ldL2() + (env$resp$wrss() + env$pp$sqrL(1)) / sigma^2 + n * log(2 * pi * sigma^2) - log_weights)
  }
  stopifnot(abs(deviance_at(f$theta, sigma(f$fit)) - f$deviance) < 1e-9)
  either <- function(start) if (is.null(start)) f$theta else start
  rows <- list()
  add <- function(kind, group, term_1, term_2, estimate, step, edges, profiled) {
    rows[[length(rows) + 1]] <<- data.frame(
      kind = kind, group = group, term_1 = term_1, term_2 = term_2, estimate = estimate,
      conf_low = limit(profiled, estimate, f$deviance, -step, edges[1]),
      conf_high = limit(profiled, estimate, f$deviance, step, edges[2])
    )
  }
  s <- sigma(f$fit)
  add("sigma", "Residual", NA, NA, s, s / 5, c(0, Inf), function(x, start)
    minimum(function(theta) deviance_at(theta, x), either(start), lower))
  position <- 0
  for (block in seq_along(f$parts$reTrms$cnms)) {
    terms <- f$parts$reTrms$cnms[[block]]
    group <- names(f$parts$reTrms$flist)[attr(f$parts$reTrms$flist, "assign")[block]]
    q <- length(terms)
    of <- position + seq_len(q * (q + 1) / 2)
    position <- max(of)
    effect <- row(diag(q))[lower.tri(diag(q), diag = TRUE)]
    for (k in seq_len(q)) {
      own <- of[effect == k]
      spread <- function(theta) sqrt(sum(theta[own]^2))
      profiled <- function(x, start) {
        if (x == 0) {
          kept <- setdiff(seq_along(lower), own)
          if (!length(kept)) return(list(par = 0 * f$theta, fval = f$devfun(0 * f$theta)))
          best <- minimum(function(free) f$devfun(replace(0 * f$theta, kept, free)), either(start)[kept], lower[kept])
          return(list(par = replace(0 * f$theta, kept, best$par), fval = best$fval))
        }
        start <- either(start)
        if (spread(start) < 1e-3) start[own[length(own)]] <- x / s
        minimum(function(theta) if (spread(theta) == 0) 1e10 else deviance_at(theta, x / spread(theta)), start, lower)
      }
      estimate <- s * spread(f$theta)
      add("sd", group, terms[k], NA, estimate, max(estimate / 4, s / 20), c(0, Inf), profiled)
    }
    if (q == 2) {
      slope <- f$theta[of[2:3]]
      size <- sqrt(sum(slope^2))
      place <- function(x, free) {  # free: the thetas, with the second effect's length in place of its pair
        replace(free, of[2:3], free[of[3]] * c(x, sqrt(max(1 - x^2, 0))))
      }
      others <- setdiff(seq_along(lower), of[2])
      profiled <- function(x, start) {
        if (is.null(start)) start <- replace(f$theta, of[3], size)[others]
        minimum(function(free) f$devfun(place(x, replace(f$theta, others, free))), start, lower[others])
      }
      add("cor", group, terms[1], terms[2], slope[1] / size, 0.2, c(-1, 1), profiled)
    }
  }
  x <- f$parts$X
  y <- model.response(f$parts$fr)
  for (j in seq_len(ncol(x))) {
    profiled <- function(b, start) {
      frame <- f$parts$fr
      frame[[1]] <- y - b * x[, j]
      reduced <- mkLmerDevfun(frame, x[, -j, drop = FALSE], f$parts$reTrms, REML = FALSE)
      minimum(reduced, either(start), lower)
    }
    add("fixed", NA, colnames(x)[j], NA, fixef(f$fit)[[j]], sqrt(vcov(f$fit)[j, j]), c(-Inf, Inf), profiled)
  }
  answer <- list(formula = f$text, deviance = f$deviance, limits = do.call(rbind, rows))
  if (name %in% c("sleepstudy_intercept", "dyestuff", "pastes")) {
    own <- lmer(f$model$formula, f$data, REML = FALSE)
    answer$lme4 <- unname(suppressMessages(confint(own, method = "profile", quiet = TRUE)))
  }
  answer
}

used <- setdiff(names(models), c("sleepstudy_seconds", "cake", "oats_interaction"))
emit(list(versions = versions(), models = sapply(used, describe, simplify = FALSE)))
