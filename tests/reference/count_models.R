# Models of counts: beta-binomial (glmmTMB, own maximum), negative binomial (MASS), Poisson with quasi and sandwich
# covariances, exact binomial test, Fisher's exact test, random-effects meta-analysis of proportions (metafor).
# Run: Rscript tests/reference/count_models.R > tests/reference/count_models.json
suppressPackageStartupMessages({
  library(jsonlite); library(lme4); library(glmmTMB); library(MASS); library(sandwich); library(metafor)
})
data(cbpp, package = "lme4"); data(quine, package = "MASS"); data(epil, package = "MASS")
write.csv(cbpp, "count_cbpp.csv", row.names = FALSE, quote = FALSE)
write.csv(quine, "count_quine.csv", row.names = FALSE, quote = FALSE)
write.csv(epil[c("y", "trt", "base", "age", "subject", "period")], "count_epil.csv", row.names = FALSE, quote = FALSE)

# Newton's method on numerical derivatives: the packages stop at 1e-5 to 1e-8 of a coefficient.
polished <- function(f, start) {
  at <- nlminb(start, f, control = list(rel.tol = 1e-15, iter.max = 1000, eval.max = 2000))$par
  for (i in 1:4) at <- at - solve(numDeriv::hessian(f, at), numDeriv::grad(f, at))
  list(at = at, value = f(at), hessian = numDeriv::hessian(f, at))
}
root <- function(f, low, high) uniroot(f, c(low, high), tol = 1e-12)$root

# --- beta-binomial ---------------------------------------------------------------------------------------------
bb <- function(x, n, mu, phi) sum(lchoose(n, x) + lbeta(x + mu * phi, n - x + (1 - mu) * phi) -
  lbeta(mu * phi, (1 - mu) * phi))
beta_binomial <- function(x, n, design) {
  p <- ncol(design)
  f <- function(at) -bb(x, n, as.numeric(plogis(design %*% at[1:p])), exp(at[p + 1]))
  start <- c(coef(glm(cbind(x, n - x) ~ design - 1, family = binomial)), 2)
  fit <- polished(f, start)
  plain <- glm(cbind(x, n - x) ~ design - 1, family = binomial)
  list(params = fit$at[1:p], log_phi = fit$at[p + 1], loglik = -fit$value, cov = solve(fit$hessian),
       loglik_binomial = as.numeric(logLik(plain)), cov_binomial = unname(vcov(plain)),
       params_binomial = unname(coef(plain)))
}
# Limits are roots of the profile likelihood; the inner maximum is by optimize over one parameter.
profile_limits <- function(x, n, level = 0.95) {
  f <- function(eta, tau) bb(x, n, plogis(eta), exp(tau))
  fit <- beta_binomial(x, n, matrix(1, length(x)))
  z2 <- qchisq(level, 1)
  inner_tau <- function(eta) optimize(function(tau) f(eta, tau), c(-15, 15), maximum = TRUE, tol = 1e-10)$objective
  inner_eta <- function(tau) optimize(function(eta) f(eta, tau), fit$params + c(-4, 4), maximum = TRUE, tol = 1e-10)$objective
  top <- fit$loglik
  drop_eta <- function(eta) 2 * (top - inner_tau(eta)) - z2
  drop_tau <- function(tau) 2 * (top - inner_eta(tau)) - z2
  list(rate = plogis(fit$params), rate_low = plogis(root(drop_eta, fit$params - 3, fit$params)),
       rate_high = plogis(root(drop_eta, fit$params, fit$params + 3)),
       rho = 1 / (1 + exp(fit$log_phi)), rho_high = 1 / (1 + exp(root(drop_tau, -10, fit$log_phi))),
       rho_low = if (2 * (top - fit$loglik_binomial) <= z2) 0 else 1 / (1 + exp(root(drop_tau, fit$log_phi, 14))))
}
tmb <- glmmTMB(cbind(incidence, size - incidence) ~ period, data = cbpp, family = betabinomial())
herd <- aggregate(cbind(incidence, size) ~ herd, data = cbpp, sum)
beta_binomials <- list(
  glmmTMB = list(params = unname(fixef(tmb)$cond), phi = sigma(tmb), minus_2ll = -2 * as.numeric(logLik(tmb)),
                 std_error = unname(sqrt(diag(vcov(tmb)$cond))), log_phi_std_error = sqrt(vcov(tmb, full = TRUE)[5, 5])),
  period = beta_binomial(cbpp$incidence, cbpp$size, model.matrix(~ period, cbpp)),
  intercept = beta_binomial(cbpp$incidence, cbpp$size, matrix(1, nrow(cbpp))),
  limits = profile_limits(cbpp$incidence, cbpp$size),
  limits_90 = profile_limits(cbpp$incidence, cbpp$size, 0.9),
  herds = c(list(events = herd$incidence, trials = herd$size), profile_limits(herd$incidence, herd$size))
)

# --- negative binomial -----------------------------------------------------------------------------------------
negative_binomial <- function(formula, data, exposure = NULL, clusters = NULL) {
  data$off <- if (is.null(exposure)) 0 else log(exposure)
  fit <- glm.nb(update(formula, . ~ . + offset(off)), data = data, control = glm.control(epsilon = 1e-14, maxit = 200))
  x <- model.matrix(formula, data); y <- model.response(model.frame(formula, data)); p <- ncol(x)
  f <- function(at) -sum(dnbinom(y, size = exp(at[p + 1]), mu = exp(as.numeric(x %*% at[1:p]) + data$off), log = TRUE))
  own <- polished(f, c(coef(fit), log(fit$theta)))
  plain <- glm(update(formula, . ~ . + offset(off)), data = data, family = poisson, control = glm.control(epsilon = 1e-14))
  out <- list(names = colnames(x), params = unname(own$at[1:p]), theta = unname(exp(own$at[p + 1])),
    loglik = unname(-own$value), cov = solve(own$hessian), loglik_poisson = as.numeric(logLik(plain)),
    mass = list(params = unname(coef(fit)), theta = fit$theta, theta_std_error = fit$SE.theta,
                minus_2ll = -fit$twologlik, cov = unname(vcov(fit))))
  if (!is.null(clusters)) out$robust <- robust(x, y, exp(as.numeric(x %*% own$at[1:p]) + data$off), clusters,
    variance = function(mu) mu + mu^2 / exp(own$at[p + 1]))
  out
}
# Sandwich with a cluster's residuals multiplied by (I - H_gg)^(-1/2), all matrices written out.
robust <- function(x, y, mu, clusters, variance) {
  w <- mu^2 / variance(mu); half <- sqrt(w) * x; bread <- solve(crossprod(half)); r <- (y - mu) / sqrt(variance(mu))
  meat0 <- meat2 <- 0
  for (g in unique(clusters)) {
    i <- which(clusters == g); h <- half[i, , drop = FALSE]
    e <- eigen(diag(length(i)) - h %*% bread %*% t(h), symmetric = TRUE)
    adjust <- e$vectors %*% diag(1 / sqrt(e$values), length(i)) %*% t(e$vectors)
    meat0 <- meat0 + tcrossprod(crossprod(h, r[i])); meat2 <- meat2 + tcrossprod(crossprod(h, adjust %*% r[i]))
  }
  list(CR0 = unname(bread %*% meat0 %*% bread), CR2 = unname(bread %*% meat2 %*% bread))
}
epil$person <- 1 + (epil$subject %% 7) / 10  # an exposure made up for the offset
negative_binomials <- list(
  quine = negative_binomial(Days ~ Eth + Sex + Age + Lrn, quine),
  quine_intercept = negative_binomial(Days ~ 1, quine),
  epil = negative_binomial(y ~ trt + log(base) + age, epil, epil$person, epil$subject),
  epil_intercept = negative_binomial(y ~ 1, epil, epil$person, epil$subject)
)

# --- Poisson ---------------------------------------------------------------------------------------------------
poisson_fit <- glm(y ~ trt + log(base) + age + offset(log(person)), data = epil, family = poisson,
                   control = glm.control(epsilon = 1e-14))
quasi <- glm(formula(poisson_fit), data = epil, family = quasipoisson, control = glm.control(epsilon = 1e-14))
hc0 <- vcovCL(poisson_fit, cluster = epil$subject, type = "HC0", cadjust = FALSE)
poissons <- list(
  params = unname(coef(poisson_fit)), cov = unname(vcov(poisson_fit)), loglik = as.numeric(logLik(poisson_fit)),
  deviance = deviance(poisson_fit), dispersion = summary(quasi)$dispersion, quasi_cov = unname(vcov(quasi)),
  quasi_p = unname(coef(summary(quasi))[, 4]), sandwich_cr0 = unname(hc0),
  robust = robust(model.matrix(poisson_fit), epil$y, fitted(poisson_fit), epil$subject, function(mu) mu)
)

# --- exact tests -----------------------------------------------------------------------------------------------
# The mid-p counts half of what is as probable as what was seen.
binomial_case <- function(x, n, share) {
  d <- dbinom(0:n, n, share); seen <- dbinom(x, n, share)
  equal <- abs(d / seen - 1) <= 1e-7
  list(x = x, n = n, share = share, p = as.numeric(binom.test(x, n, share)$p.value),
       mid_p = if (seen == 0) 0 else sum(d[d < seen & !equal]) + sum(d[equal]) / 2)
}
pub <- 47 / 6630
binomials <- list(
  binomial_case(3, 120, pub), binomial_case(0, 120, pub), binomial_case(0, 2000, pub), binomial_case(9, 500, pub),
  binomial_case(1, 141, pub), binomial_case(47, 6630, pub), binomial_case(60, 6630, pub), binomial_case(30, 6630, pub),
  binomial_case(7, 20, 0.3), binomial_case(6, 20, 0.3), binomial_case(5, 10, 0.5), binomial_case(2, 10, 0.5),
  binomial_case(8, 10, 0.5), binomial_case(10, 10, 0.9), binomial_case(0, 10, 0.1), binomial_case(1, 1, 0.25),
  binomial_case(682, 925, 0.75), binomial_case(52000, 100000, 0.5), binomial_case(180, 1000, 1 / 6),
  binomial_case(0, 5, 0), binomial_case(5, 5, 1), binomial_case(3, 5, 1)
)
byar <- function(o, e, level = 0.95) { z <- qnorm(0.5 + level / 2); list(observed = o, expected = e, level = level,
  byar = c(if (o == 0) 0 else o * (1 - 1 / (9 * o) - z / (3 * sqrt(o)))^3,
           (o + 1) * (1 - 1 / (9 * (o + 1)) + z / (3 * sqrt(o + 1)))^3) / e,
  exact = as.numeric(poisson.test(o, e, conf.level = level)$conf.int)) }
ratios <- list(byar(0, 0.85), byar(3, 0.85), byar(9, 3.5446), byar(47, 60, 0.9), byar(1, 2, 0.99))

set.seed(20260701)
one_table <- function(a, n_a, b, n_b) c(a, n_a, b, n_b, fisher.test(matrix(c(a, n_a - a, b, n_b - b), 2))$p.value)
tables <- list()
for (i in 1:300) {
  n_a <- sample(c(1:30, 60, 86, 200, 500), 1); n_b <- sample(c(1:30, 60, 84, 200, 500), 1)
  pa <- rbeta(1, 0.4, 1); pb <- rbeta(1, 0.4, 1)
  tables[[i]] <- one_table(rbinom(1, n_a, pa), n_a, rbinom(1, n_b, pb), n_b)
}
tables <- c(tables, list(
  one_table(50, 50000, 80, 50000), one_table(25000, 50000, 25400, 50000), one_table(30000, 70000, 12600, 30000),
  one_table(3, 99990, 1, 10), one_table(0, 10, 0, 12), one_table(10, 10, 12, 12), one_table(3, 10, 3, 10)
))

# --- random-effects meta-analysis ------------------------------------------------------------------------------
meta_case <- function(x, n, test = "knha", level = 95) {
  tight <- list(threshold = 1e-14, maxiter = 5000)
  fit <- rma(measure = "PLO", xi = x, ni = n, method = "REML", test = test, level = level, control = tight)
  dl <- rma(measure = "PLO", xi = x, ni = n, method = "DL")
  known <- predict(fit, level = level)
  # metafor takes k - 1 degrees of freedom; Higgins, Thompson and Spiegelhalter (2009) take k - 2.
  higgins <- as.numeric(fit$beta) + c(-1, 1) * qt(0.5 + level / 200, length(x) - 2) * sqrt(fit$tau2 + fit$se^2)
  list(x = x, n = n, test = test, level = level / 100, estimate = as.numeric(fit$beta), std_error = fit$se,
    low = fit$ci.lb, high = fit$ci.ub, tau2 = fit$tau2, tau2_dl = dl$tau2, i2 = fit$I2 / 100, q = fit$QE, q_p = fit$QEp,
    pi_k1 = c(known$pi.lb, known$pi.ub), pi_k2 = higgins)
}
metas <- list(
  meta_case(c(47, 12, 30, 5), c(6630, 424, 900, 210)), meta_case(c(3, 9, 14), c(40, 60, 55)),
  meta_case(c(0, 2, 5, 1, 20), c(30, 80, 95, 22, 150)), meta_case(c(10, 12, 11, 9), c(100, 104, 102, 98)),
  meta_case(c(10, 12, 11, 9), c(100, 104, 102, 98), "adhoc"), meta_case(c(3, 9, 30), c(40, 60, 55), "adhoc"),
  meta_case(c(8, 10, 40, 7, 0, 25, 13), c(8, 40, 90, 50, 12, 66, 31)), meta_case(c(3, 9, 14), c(40, 60, 55), "knha", 90)
)

cat(toJSON(list(
  versions = list(R = R.version.string, glmmTMB = as.character(packageVersion("glmmTMB")),
    MASS = as.character(packageVersion("MASS")), sandwich = as.character(packageVersion("sandwich")),
    metafor = as.character(packageVersion("metafor")), lme4 = as.character(packageVersion("lme4"))),
  beta_binomial = beta_binomials, negative_binomial = negative_binomials, poisson = poissons,
  binomial_tests = binomials, expected_ratios = ratios, fisher = tables, meta = metas
), auto_unbox = TRUE, digits = NA, na = "null", pretty = FALSE), "\n")
