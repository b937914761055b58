# Recurrent events in survival::bladder2 and survival::rats: Cox models, frailty, mean counts, proportionality;
# and a weighted independence GEE.
# Run: Rscript tests/reference/recurrent.R > tests/reference/recurrent.json
# It also writes bladder2.csv and rats.csv, from the package survival.
suppressPackageStartupMessages({
  library(survival)
  library(geepack)
  library(jsonlite)
})
write.csv(bladder2, "bladder2.csv", row.names = FALSE)
write.csv(subset(rats, sex == "f"), "rats.csv", row.names = FALSE)
tight <- coxph.control(eps = 1e-13, toler.chol = 1e-14, iter.max = 500)

brief <- function(fit) {
  list(
    params = unname(coef(fit)),
    std_error = unname(sqrt(diag(if (is.null(fit$naive.var)) fit$var else fit$naive.var))),
    robust = if (is.null(fit$naive.var)) NULL else unname(sqrt(diag(fit$var))),
    loglik = fit$loglik
  )
}
weight <- 1 + (seq_len(nrow(bladder2)) %% 3) / 2
bladder2$w <- weight
ag <- coxph(Surv(start, stop, event) ~ rx + size + number + cluster(id), bladder2, control = tight)
breslow <- coxph(Surv(start, stop, event) ~ rx + size + number + cluster(id), bladder2,
                 ties = "breslow", control = tight)
calendar <- coxph(Surv(start, stop, event) ~ rx + size + number + strata(enum) + cluster(id), bladder2,
                  control = tight)
calendar_breslow <- coxph(Surv(start, stop, event) ~ rx + size + number + strata(enum) + cluster(id), bladder2,
                          ties = "breslow", control = tight)
gap <- coxph(Surv(stop - start, event) ~ rx + size + number + strata(enum) + cluster(id), bladder2,
             control = tight)
weighted <- coxph(Surv(start, stop, event) ~ rx + size + number + cluster(id), bladder2, weights = w,
                  control = tight)
hazard <- basehaz(ag, centered = FALSE)
plain <- coxph(Surv(start, stop, event) ~ rx + size + number, bladder2, control = tight)
# Rank among the event times only; R's own "rank" counts the ends of all rows, also of censored ones.
ends <- bladder2$stop[bladder2$event == 1]
among_events <- function(x) sapply(x, function(t) sum(ends < t) + (sum(ends == t) + 1) / 2)
tests <- function(fit, transform) unname(cox.zph(fit, transform = transform)$table[, 1])

dense <- coxph(Surv(start, stop, event) ~ rx + size + number + frailty(id, theta = 1, sparse = FALSE), bladder2,
               control = tight)
sparse <- coxph(Surv(start, stop, event) ~ rx + size + number + frailty(id), bladder2)
litter <- coxph(Surv(time, status) ~ rx + frailty(litter), rats, subset = sex == "f")
litter_fixed <- coxph(Surv(time, status) ~ rx + frailty(litter, theta = 0.5, sparse = FALSE), rats,
                      subset = sex == "f", control = tight)

count <- survfit(Surv(start, stop, event) ~ 1, bladder2, id = id, ctype = 1)
seen <- count$n.event > 0

bladder2$y <- bladder2$stop - bladder2$start
gee <- geeglm(y ~ rx + number, id = id, data = bladder2, weights = w, corstr = "independence")

answer <- list(
  versions = list(R = R.version.string, survival = as.character(packageVersion("survival")),
                  geepack = as.character(packageVersion("geepack"))),
  andersen_gill = brief(ag), breslow = brief(breslow), pwp_calendar = brief(calendar),
  pwp_calendar_breslow = brief(calendar_breslow), pwp_gap = brief(gap), weighted = brief(weighted),
  score_residuals = unname(head(residuals(plain, "score"), 20)),
  baseline = list(time = hazard$time, hazard = hazard$hazard),
  zph_rank = tests(plain, among_events), zph_identity = tests(plain, "identity"),
  zph_strata = tests(coxph(Surv(start, stop, event) ~ rx + size + strata(enum), bladder2, control = tight), among_events),
  frailty_fixed = list(theta = 1, params = unname(tail(coef(dense), 100)[1:3]),
                       std_error = unname(sqrt(diag(dense$var)))[1:3], loglik = dense$history[[1]]$c.loglik),
  frailty = list(params = unname(coef(sparse)), std_error = unname(sqrt(diag(sparse$var))),
                 theta = sparse$history[[1]]$theta, loglik = sparse$history[[1]]$c.loglik),
  rats = list(params = unname(coef(litter)), std_error = unname(sqrt(diag(litter$var))),
              theta = litter$history[[1]]$theta, loglik = litter$history[[1]]$c.loglik,
              loglik_cox = litter$loglik[1]),
  rats_fixed = list(theta = 0.5, params = unname(coef(litter_fixed)[1]),
                    std_error = unname(sqrt(diag(litter_fixed$var)))[1],
                    loglik = litter_fixed$history[[1]]$c.loglik),
  mean_count = list(time = count$time[seen], estimate = count$cumhaz[seen], std_error = count$std.chaz[seen],
                    n_at_risk = count$n.risk[seen]),
  gee = list(params = unname(coef(gee)), sandwich = unname(sqrt(diag(gee$geese$vbeta))))
)
cat(toJSON(answer, auto_unbox = TRUE, digits = 15, na = "null", pretty = TRUE), "\n")
