# GEE (geepack) and the exact conditional logistic likelihood (survival::clogit).
# Run: Rscript tests/reference/gee.R > tests/reference/gee.json
# Also writes the data: ohio (geepack), epil (MASS), infert (datasets).
suppressPackageStartupMessages({
  library(jsonlite)
  library(geepack)
  library(MASS)
  library(survival)
})
data(ohio, package = "geepack")
ohio <- ohio[order(ohio$id, ohio$age), c("id", "resp", "age", "smoke")]
epil <- MASS::epil
epil <- data.frame(
  subject = epil$subject, y = epil$y, trt = as.integer(epil$trt == "progabide"), base = epil$base,
  age = epil$age, V4 = epil$V4
)
infert <- data.frame(
  stratum = infert$stratum, case = infert$case, spontaneous = infert$spontaneous, induced = infert$induced
)
write.csv(ohio, "gee_ohio.csv", row.names = FALSE, quote = FALSE)
write.csv(epil, "gee_epil.csv", row.names = FALSE, quote = FALSE)
write.csv(infert, "gee_infert.csv", row.names = FALSE, quote = FALSE)

number <- function(x) as.numeric(x)
of_gee <- function(fit) {
  table <- summary(fit)
  list(
    params = number(coef(fit)), std_error = number(table$coefficients[, "Std.err"]),
    cov = unname(fit$geese$vbeta), alpha = number(fit$geese$alpha), scale = number(fit$geese$gamma)
  )
}
tight <- geese.control(epsilon = 1e-12, maxit = 200)
binomial_gee <- function(structure) geeglm(
  resp ~ age * smoke, id = id, data = ohio, family = binomial, corstr = structure, scale.fix = TRUE, control = tight
)
poisson_gee <- function(structure) geeglm(
  y ~ trt + base + age + V4, id = subject, data = epil, family = poisson, corstr = structure, control = tight
)
of_clogit <- function(fit) list(
  params = number(coef(fit)), std_error = number(sqrt(diag(vcov(fit)))), log_likelihood = number(fit$loglik[2]),
  null_log_likelihood = number(fit$loglik[1])
)
fine <- coxph.control(eps = 1e-13, iter.max = 60)
answer <- list(
  versions = list(
    R = R.version.string, geepack = as.character(packageVersion("geepack")),
    MASS = as.character(packageVersion("MASS")), survival = as.character(packageVersion("survival"))
  ),
  ohio_independence = of_gee(binomial_gee("independence")),
  ohio_exchangeable = of_gee(binomial_gee("exchangeable")),
  epil_independence = of_gee(poisson_gee("independence")),
  epil_exchangeable = of_gee(poisson_gee("exchangeable")),
  infert = of_clogit(clogit(
    case ~ spontaneous + induced + strata(stratum), data = infert, method = "exact", control = fine
  )),
  # Up to four events in a stratum, several of them tied in every way.
  ohio_within = of_clogit(clogit(resp ~ age + strata(id), data = ohio, method = "exact", control = fine)),
  # Twelve rows a stratum: patients of epil in fives, events are visits with more than 5 seizures.
  epil_strata = of_clogit(clogit(
    (y > 5) ~ log(base) + log(age) + V4 + strata(subject %/% 5), data = epil, method = "exact", control = fine
  ))
)
cat(toJSON(answer, auto_unbox = TRUE, digits = 15, na = "null", pretty = TRUE), "\n")
