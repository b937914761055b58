# Fieller's limits, and benefit between sessions by a mixed model: contrasts with Kenward-Roger's standard
# errors and degrees of freedom, ratios of contrasts, half-life. Also writes the simulated data, fieller.csv.
# Run in this folder: Rscript fieller.R > fieller.json
# Needs lme4, pbkrtest, jsonlite.
suppressMessages({library(lme4); library(pbkrtest); library(jsonlite)})

# The set of ratios r with |a - r b| <= crit * sqrt(vaa - 2 r vab + r^2 vbb), by the roots of its quadratic.
set_of <- function(a, b, vaa, vab, vbb, crit) {
  k <- c(a^2 - crit^2 * vaa, -2 * (a * b - crit^2 * vab), b^2 - crit^2 * vbb)
  roots <- polyroot(k)
  if (max(abs(Im(roots))) > 1e-9 * max(abs(roots))) return(list(kind = "whole line", roots = numeric(0)))
  list(kind = if (k[3] > 0) "bounded" else "outside", roots = sort(Re(roots)))
}
plain <- list(
  c(14, 7, 9, 0, 4, qt(.95, 10)), c(10, 8, 1, .3, .5, 1.96), c(-3, 8, 1, -.3, .5, 2.2),
  c(5, 1, 1, .2, 1, 1.96), c(.5, .4, 1, .2, 1, 1.96), c(0, 3, 1, 0, 1, 1.96))
plain <- lapply(plain, function(v) c(list(given = v), do.call(set_of, as.list(v))))

# 24 patients, sessions 6 (end of induction) and 7 to 9 (maintenance), unequal numbers of assessments.
set.seed(20260101)
n <- 24
rows <- do.call(rbind, lapply(1:n, function(i) {
  level <- rnorm(1, 0, 3); slope <- rnorm(1, 0, .5)
  do.call(rbind, lapply(6:(6 + sample(1:3, 1)), function(k) {
    own <- rnorm(1, 0, 1.2)
    day <- sort(sample(c(1, 3, 7, 10, 14, 21, 28, 42), sample(2:5, 1))) + round(runif(1, 0, .4), 2)
    time <- log2(1 + day)
    late <- as.numeric(k > 6)
    data.frame(patient = i, session = k, day = day,
               benefit = round(13 + level + own + late + (-1.5 + slope + .3 * late) * time +
                                 rnorm(length(day), 0, 2), 2))
  }))
}))
rows$group <- factor(ifelse(rows$session > 6, "maintenance", "end of induction"))
rows$time <- log2(1 + rows$day)
write.csv(rows[c("patient", "session", "group", "day", "benefit")], "fieller.csv", row.names = FALSE, quote = FALSE)

fit <- lmer(benefit ~ time * group + (1 + time | patient) + (1 | patient:session), rows,
            control = lmerControl(optimizer = "bobyqa", optCtrl = list(rhoend = 1e-10, maxfun = 1e5)))
V <- as.matrix(vcovAdj(fit)); beta <- fixef(fit)
at <- function(day, late) c(1, log2(1 + day), late, late * log2(1 + day))
ddf <- function(l) get_Lb_ddf(fit, l)
linear <- function(l) {
  e <- sum(l * beta); s <- sqrt(drop(l %*% V %*% l)); d <- ddf(l)
  c(e, s, d, e - qt(.975, d) * s, e + qt(.975, d) * s)
}
ratio <- function(day, late) {
  a <- at(day, late); b <- at(1, late); r <- sum(a * beta) / sum(b * beta)
  crit <- qt(.975, ddf(a - r * b))
  s <- set_of(sum(a * beta), sum(b * beta), drop(a %*% V %*% a), drop(a %*% V %*% b), drop(b %*% V %*% b), crit)
  c(r, s$roots, ddf(a - r * b))
}
# First day at which the mean, or a limit of mean(day) - mean(1) / 2, is 0.
half <- function(late, end, level) {
  value <- function(day, what) {
    l <- at(day, late) - at(1, late) / 2
    s <- sqrt(drop(l %*% V %*% l))
    sum(l * beta) + what * qt(.5 + level / 2, ddf(l)) * s
  }
  sapply(c(0, -1, 1), function(w) {
    if (value(end, w) > 0) return(NA)
    uniroot(value, c(1, end), what = w, tol = 1e-10)$root
  })
}
test <- KRmodcomp(fit, matrix(c(0, 0, 0, 1), 1))
out <- list(
  R = paste(R.version$major, R.version$minor, sep = "."), lme4 = as.character(packageVersion("lme4")),
  pbkrtest = as.character(packageVersion("pbkrtest")), plain = plain, singular = isSingular(fit),
  benefit = lapply(0:1, function(g) lapply(c(1, 7, 14, 28), function(d) linear(at(d, g)))),
  loss_per_week = lapply(0:1, function(g) lapply(list(c(1, 7), c(7, 14), c(14, 28)), function(d)
    linear((at(d[1], g) - at(d[2], g)) * 7 / diff(d)))),
  retained = lapply(0:1, function(g) lapply(c(7, 14, 28), ratio, late = g)),
  reach = unname(tapply(rows$day, rows$group, quantile, probs = .9)),
  half_life_to_day_60 = lapply(c(.95, .7), function(level) lapply(0:1, half, end = 60, level = level)),
  interaction = c(test$stats$Fstat, test$stats$ddf, test$stats$p.value))
cat(toJSON(out, digits = 10, auto_unbox = TRUE, na = "null", pretty = TRUE), "\n")
