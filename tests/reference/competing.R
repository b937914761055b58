# Cumulative incidence, Gray's test, Fine-Gray, the log-rank test and intervals of a Kaplan-Meier curve.
# Data: survival::mgus2, lung and aml, and small ones built here. Writes competing_mgus2.csv beside itself.
# Run: Rscript tests/reference/competing.R > tests/reference/competing.json
suppressPackageStartupMessages({
  library(survival)
  library(cmprsk)
  library(jsonlite)
})

# Time to progression or death, as in the vignette "compete" of the survival package.
m <- mgus2
m$etime <- with(m, ifelse(pstat == 0, futime, ptime))
m$event <- with(m, ifelse(pstat == 0, 2 * death, 1))
m$id <- seq_len(nrow(m))
# Late entry, clusters and weights that are no part of the data: made from the row number.
m$entry <- with(m, ifelse(id %% 3 == 0 & etime > 6, 6 + (id %% 5), 0))
m$entry <- with(m, ifelse(entry >= etime, 0, entry))
m$cluster <- m$id %% 97
m$weight <- 0.5 + (m$id %% 7) / 4
m$site <- m$id %% 4
write.csv(m[c("etime", "event", "sex", "age", "entry", "cluster", "weight", "site")],
          "competing_mgus2.csv", row.names = FALSE, quote = FALSE)
words <- factor(m$event, 0:2, c("censored", "pcm", "death"))

steps <- function(fit, which = seq_along(fit$time)) {
  k <- which(fit$states != "(s0)")
  list(
    time = fit$time[which], n_at_risk = fit$n.risk[which, 1], incidence = t(fit$pstate[which, k]),
    event_free = fit$pstate[which, -k], std_error = t(fit$std.err[which, k]),
    conf_low = t(fit$lower[which, k]), conf_high = t(fit$upper[which, k])
  )
}
every5 <- function(fit) steps(fit, seq(1, length(fit$time), by = 5))
# survfit 3.5 takes no notice of cluster= for several causes; its influences, summed by cluster, do.
clustered <- function(fit) {
  at <- seq(1, length(fit$time), by = 5)
  error <- sapply(at, function(k) {
    sqrt(colSums(rowsum(fit$influence.pstate[, k + 1, ], m$cluster)^2))[-1]
  })
  list(time = fit$time[at], std_error = error)
}

small <- data.frame(
  time = c(2, 2, 2, 3, 3, 5, 5, 6, 7, 7), event = c(1, 2, 0, 1, 0, 2, 2, 1, 0, 2),
  entry = c(0, 0, 1, 0, 2, 0, 1, 3, 0, 4)
)
small$words <- factor(small$event, 0:2, c("censored", "a", "b"))
small$id <- seq_len(nrow(small))

gray <- function(...) {
  tests <- cuminc(...)$Tests
  list(statistic = unname(tests[, "stat"]), p_value = unname(tests[, "pv"]), df = unname(tests[, "df"]))
}
# Tied times, and a group that nobody is left in early.
tied <- data.frame(
  time = c(1, 1, 1, 2, 2, 2, 2, 3, 3, 4, 4, 4, 5, 5, 6, 6, 7, 8, 8, 9),
  event = c(1, 1, 2, 1, 0, 2, 2, 1, 1, 0, 2, 1, 1, 2, 2, 1, 0, 1, 2, 0),
  group = c(0, 1, 2, 0, 0, 0, 1, 0, 2, 1, 2, 1, 1, 2, 2, 1, 1, 2, 2, 1)
)
age_group <- cut(m$age, c(0, 60, 70, 80, 200), labels = FALSE)

fg <- function(cause, ties = "efron") {
  d <- data.frame(id = m$id, time = m$etime, words = words, age = m$age, sex = m$sex, cluster = m$cluster)
  long <- finegray(Surv(time, words) ~ ., data = d, etype = cause)
  by_row <- coxph(Surv(fgstart, fgstop, fgstatus) ~ age + sex, long, weights = fgwt, ties = ties,
                  eps = 1e-11)
  by_id <- coxph(Surv(fgstart, fgstop, fgstatus) ~ age + sex, long, weights = fgwt, ties = ties,
                 cluster = id, eps = 1e-11)
  by_cluster <- coxph(Surv(fgstart, fgstop, fgstatus) ~ age + sex, long, weights = fgwt, ties = ties,
                      cluster = cluster, eps = 1e-11)
  list(
    estimate = unname(coef(by_id)), model_covariance = unname(by_id$naive.var),
    covariance_patients = unname(by_id$var), covariance_clusters = unname(by_cluster$var),
    covariance_pieces = unname(by_row$var), log_likelihood = by_id$loglik
  )
}
crr_fit <- crr(m$etime, m$event, cbind(m$age, m$sex == "M"))

rank_test <- function(fit) {
  obs <- if (is.matrix(fit$obs)) rowSums(fit$obs) else fit$obs
  exp <- if (is.matrix(fit$exp)) rowSums(fit$exp) else fit$exp
  list(statistic = fit$chisq, observed = unname(obs), expected = unname(exp))
}
# Late entry: the log-rank test is the score test of a Cox model; distinct times need no rule for ties.
set.seed(11)
late <- data.frame(
  entry = round(runif(60, 0, 3), 4), group = rep(0:2, 20), event = rbinom(60, 1, 0.7)
)
late$time <- late$entry + round(rexp(60, 0.2 + 0.1 * late$group), 5) + 0.00001 * seq_len(60)
late_score <- summary(coxph(Surv(entry, time, event) ~ factor(group), late))$sctest

late_km <- survfit(Surv(entry, time, event) ~ 1, late, conf.type = "log-log")
lung_km <- function(type) {
  fit <- survfit(Surv(time, status) ~ 1, lung, conf.type = type)
  half <- quantile(fit, 0.5)
  list(conf_low = fit$lower, conf_high = fit$upper, median = half$quantile, median_low = half$lower,
       median_high = half$upper)
}
lung_all <- survfit(Surv(time, status) ~ 1, lung)
intervals <- c("log-log", "log", "plain", "logit", "arcsin")

answer <- list(
  versions = list(R = R.version.string, survival = as.character(packageVersion("survival")),
                  cmprsk = as.character(packageVersion("cmprsk"))),
  mgus2 = steps(survfit(Surv(etime, words) ~ 1, m, conf.type = "log-log")),
  mgus2_clusters = clustered(survfit(Surv(etime, words) ~ 1, m, id = id, influence = TRUE)),
  mgus2_weights = every5(survfit(Surv(etime, words) ~ 1, m, weights = weight, conf.type = "log-log")),
  mgus2_entry = every5(survfit(Surv(entry, etime, words) ~ 1, m, id = id, conf.type = "log-log")),
  mgus2_entry_clusters = clustered(survfit(Surv(entry, etime, words) ~ 1, m, id = id, influence = TRUE)),
  small = c(as.list(small[c("time", "event", "entry")]),
            list(plain = steps(survfit(Surv(time, words) ~ 1, small, conf.type = "log-log")),
                 late = steps(survfit(Surv(entry, time, words) ~ 1, small, id = id, conf.type = "log-log")))),
  naive_pcm_240 = 1 - summary(survfit(Surv(etime, event == 1) ~ 1, m), times = 240)$surv,
  gray_sex = gray(m$etime, m$event, m$sex),
  gray_age = gray(m$etime, m$event, age_group),
  gray_sex_site = gray(m$etime, m$event, m$sex, strata = m$site),
  gray_age_rho = gray(m$etime, m$event, age_group, rho = 1),
  tied = c(as.list(tied), list(gray = gray(tied$time, tied$event, tied$group))),
  fine_gray_pcm = fg("pcm"),
  fine_gray_death = fg("death"),
  fine_gray_pcm_breslow = fg("pcm", "breslow"),
  crr_pcm = list(estimate = unname(crr_fit$coef), covariance = unname(crr_fit$var)),
  logrank_aml = rank_test(survdiff(Surv(time, status) ~ x, aml)),
  logrank_lung = rank_test(survdiff(Surv(time, status) ~ sex, lung)),
  logrank_lung_rho = rank_test(survdiff(Surv(time, status) ~ sex, lung, rho = 1)),
  logrank_lung_strata = rank_test(survdiff(Surv(time, status) ~ sex + strata(ph.ecog == 0),
                                           subset(lung, !is.na(ph.ecog)))),
  logrank_mgus2_age = rank_test(survdiff(Surv(futime, death) ~ age_group, m)),
  late = c(as.list(late), list(statistic = unname(late_score["test"]), p_value = unname(late_score["pvalue"]),
    km = list(time = late_km$time, n_at_risk = late_km$n.risk, survival = late_km$surv,
              std_error = late_km$surv * late_km$std.err, conf_low = late_km$lower,
              conf_high = late_km$upper))),
  lung = list(time = lung$time, event = lung$status - 1, sex = lung$sex, ecog = lung$ph.ecog),
  lung_km = c(list(time = lung_all$time, n_events = lung_all$n.event, survival = lung_all$surv),
              setNames(lapply(intervals, lung_km), intervals)),
  aml = list(time = aml$time, event = aml$status, group = as.integer(aml$x) - 1)
)
cat(toJSON(answer, auto_unbox = TRUE, digits = 15, na = "null", matrix = "rowmajor"), "\n")
