# Interval-censored accelerated failure time models: survival::survreg on the breast cosmesis times of
# Finkelstein and Wolfe (1985), Biometrics 41, 933, Table 2 (months; RadChem = radiotherapy with
# chemotherapy), and on clustered rows built here; mixtures with never-responders by optim.
# Run: Rscript tests/reference/aft.R > tests/reference/aft.json
suppressPackageStartupMessages({
  library(survival)
  library(jsonlite)
  library(numDeriv)
})

rad <- "45- 6-10 0-7 46- 46- 7-16 17- 7-14 37-44 0-8 4-11 15- 11-15 22- 46- 46- 25-37 46- 26-40 46- 27-34 36-44
  46- 36-48 37- 40- 17-25 46- 11-18 38- 5-12 37- 0-5 18- 24- 36- 5-11 19-35 17-25 24- 32- 33- 19-26 37-
  34- 36-"
chem <- "8-12 0-22 24-31 17-27 17-23 24-30 16-24 13- 11-13 16-20 18-25 17-26 32- 23- 44-48 14-17 0-5 5-8 12-20
  11- 33-40 31- 13-39 19-32 34- 13- 16-24 35- 15-22 11-17 22-32 10-35 30-34 13- 10-17 8-21 4-9 11- 14-19
  4-8 34- 30-36 18-24 16-60 35-39 21- 11-20 48-"
ends <- function(text) {
  words <- strsplit(strsplit(trimws(gsub("[[:space:]]+", " ", text)), " ")[[1]], "-")
  data.frame(left = sapply(words, function(w) as.numeric(w[1])),
             right = sapply(words, function(w) if (length(w) > 1) as.numeric(w[2]) else Inf))
}
bcos <- rbind(cbind(ends(rad), chem = 0), cbind(ends(chem), chem = 1))

response <- function(d) {
  left <- ifelse(d$left == 0, NA, d$left)
  Surv(left, ifelse(is.infinite(d$right), NA, d$right), type = "interval2")
}
tight <- survreg.control(maxiter = 200, rel.tolerance = 1e-14, toler.chol = 1e-14)
with_limits <- function(fit) list(
  coef = unname(coef(fit)), log_scale = log(fit$scale), log_likelihood = fit$loglik[2],
  cov = unname(vcov(fit))
)

# Sandwich of summed scores (CR0). survreg's own residuals of type dfbeta, which its cluster() uses, are
# wrong for interval-censored rows in survival 3.5-3, so the scores are made from the probabilities here;
# survreg's own robust variance is compared where no row is an interval.
tails <- list(
  weibull = function(z) exp(-exp(z)), loglogistic = function(z) plogis(-z),
  lognormal = function(z) pnorm(-z)
)
densities <- list(weibull = function(z) exp(z - exp(z)), loglogistic = dlogis, lognormal = dnorm)
log_rows <- function(par, d, design, dist) {
  center <- drop(design %*% par[seq_len(ncol(design))])
  s <- exp(par[ncol(design) + 1])
  above <- function(t) ifelse(t <= 0, 1, ifelse(is.infinite(t), 0, tails[[dist]]((log(t) - center) / s)))
  exact <- d$left == d$right
  ifelse(exact, log(densities[[dist]]((log(d$left) - center) / s)) - log(s) - log(d$left),
         log(above(d$left) - above(d$right)))
}
robust_of <- function(fit, d, design, group, dist) {
  psi <- rowsum(jacobian(log_rows, c(coef(fit), log(fit$scale)), d = d, design = design, dist = dist), group)
  unname(vcov(fit) %*% crossprod(psi) %*% vcov(fit))
}

families <- c(weibull = "weibull", loglogistic = "loglogistic", lognormal = "lognormal")
cosmesis <- lapply(families, function(dist) {
  fit <- survreg(response(bcos) ~ chem, data = bcos, dist = dist, control = tight)
  at <- data.frame(chem = c(0, 1))
  quantiles <- predict(fit, at, type = "uquantile", p = c(0.25, 0.5, 0.75), se.fit = TRUE)
  c(with_limits(fit), list(
    log_quantiles = unname(quantiles$fit), log_quantiles_se = unname(quantiles$se.fit),
    robust_cov = robust_of(fit, bcos, cbind(1, bcos$chem), rep_len(0:11, nrow(bcos)), dist)
  ))
})

# Exact, left-, interval- and right-censored rows with a number, a factor, weights and clusters.
set.seed(20260101)
n <- 120
patient <- rep(1:40, each = 3)
frail <- rnorm(40, sd = 0.5)[patient]
age <- round(runif(n, 20, 70))
route <- sample(c("IM", "IV", "oral"), n, TRUE)
time <- exp(3 + 0.02 * age - 0.4 * (route == "IV") + frail + 0.6 * log(-log(runif(n))))
grid <- c(0, 4, 24, 48, 96, 168, 336)
at <- findInterval(time, grid)
mixed <- data.frame(
  left = grid[at], right = c(grid, Inf)[at + 1], patient = patient, age = age, route = route,
  weight = sample(1:3, n, TRUE)
)
last <- sample(c(4, 6, 7), n, TRUE)
mixed$right[at > last] <- Inf
mixed$left[at > last] <- grid[last[at > last]]
exact <- which(at <= 6)[1:20]
mixed$left[exact] <- mixed$right[exact] <- round(time[exact], 3)
seen <- mixed
between <- mixed$left > 0 & is.finite(mixed$right)
seen$left[between] <- seen$right[between] <- (mixed$left[between] + mixed$right[between]) / 2
clustered <- lapply(families, function(dist) {
  plain <- survreg(response(mixed) ~ age + route, data = mixed, dist = dist, control = tight)
  weighted <- survreg(response(mixed) ~ age + route, data = mixed, weights = weight, dist = dist, control = tight)
  robust <- survreg(response(seen) ~ age + route + cluster(patient), data = seen, dist = dist, control = tight)
  design <- model.matrix(~ age + route, mixed)
  list(
    plain = with_limits(plain), weighted = with_limits(weighted),
    robust_cov = robust_of(plain, mixed, design, mixed$patient, dist), survreg_robust_cov = unname(robust$var)
  )
})

# S = 1 - pi + pi S0, written with probabilities and maximised without derivatives of ours.
negative <- function(par, d, design, tail) {
  center <- drop(design %*% par[seq_len(ncol(design))])
  s <- exp(par[ncol(design) + 1])
  pi <- plogis(par[ncol(design) + 2])
  f <- function(t) ifelse(t <= 0, 0, ifelse(is.infinite(t), 1, 1 - tail((log(t) - center) / s)))
  p <- ifelse(is.infinite(d$right), 1 - pi * f(d$left), pi * (f(d$right) - f(d$left)))
  -sum(log(p))
}
climb <- function(start, fn) {
  for (turn in 1:6) start <- optim(start, fn, method = "Nelder-Mead", control = list(maxit = 20000, reltol = 1e-15))$par
  for (turn in 1:6) start <- start - solve(hessian(fn, start), grad(fn, start))
  start
}
set.seed(20260102)
m <- 200
arm <- rep(0:1, m / 2)
responds <- runif(m) < 0.65
time <- ifelse(responds, exp(log(36) - 0.5 * arm + log(-log(runif(m))) / 0.9), Inf)
at <- findInterval(time, grid)
last <- sample(c(4, 6, 7), m, TRUE, c(0.1, 0.2, 0.7))
plateau <- data.frame(left = grid[pmin(at, last)], right = c(grid, Inf)[at + 1], arm = arm)
plateau$right[at > last] <- Inf
mixture <- lapply(names(tails), function(name) {
  fn <- function(par) negative(par, plateau, cbind(1, arm), tails[[name]])
  par <- climb(c(3.5, -0.3, 0, 0.5), fn)
  profile <- function(logit) {
    inner <- function(rest) fn(c(rest, logit))
    -inner(climb(par[1:3], inner))
  }
  list(par = par, log_likelihood = -fn(par), cov = solve(hessian(fn, par)),
       profile_at = c(0.55, 0.7), profile = c(profile(qlogis(0.55)), profile(qlogis(0.7))))
})
names(mixture) <- names(tails)

columns <- function(d) { d$right <- ifelse(is.infinite(d$right), NA, d$right); as.list(d) }
cat(toJSON(list(
  versions = list(R = R.version.string, survival = as.character(packageVersion("survival")),
                  numDeriv = as.character(packageVersion("numDeriv"))),
  bcos = columns(bcos), cosmesis = cosmesis, mixed = columns(mixed), seen = columns(seen), clustered = clustered,
  plateau = columns(plateau), mixture = mixture
), auto_unbox = TRUE, digits = 15, na = "null", pretty = FALSE), "\n")
