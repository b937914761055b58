# Reference values for tests/analysis/test_safety_events.py and tests/analysis/test_exposure.py.
suppressPackageStartupMessages(library(jsonlite))

number <- function(x) unname(as.numeric(x))

# Exact limits where nothing was seen: two-sided (binom.test) and one-sided.
none <- lapply(c(12, 66, 684), function(n) list(
  n = n,
  two_sided = number(binom.test(0, n)$conf.int[2]),
  one_sided = number(binom.test(0, n, alternative = "less")$conf.int[2])
))

# Stops for a side effect beside 47 of 6,630: exact P, mid-P (half the weight of the counts as probable as the
# observed one), and the difference with Newcombe's hybrid score limits (prop.test without correction is Wilson).
share <- 47 / 6630
beside <- lapply(list(c(0, 220), c(3, 24), c(2, 300)), function(one) {
  x <- one[1]; n <- one[2]
  every <- dbinom(0:n, n, share)
  seen <- dbinom(x, n, share)
  tied <- abs(every / seen - 1) < 1e-7
  a <- suppressWarnings(prop.test(x, n, correct = FALSE))$conf.int
  b <- prop.test(47, 6630, correct = FALSE)$conf.int
  d <- x / n - share
  list(
    n_events = x, n = n, p_value = binom.test(x, n, share)$p.value,
    mid_p = sum(every[every < seen * (1 - 1e-7)]) + sum(every[tied]) / 2,
    difference = d,
    low = d - sqrt((x / n - a[1])^2 + (b[2] - share)^2),
    high = d + sqrt((a[2] - x / n)^2 + (share - b[1])^2)
  )
})

doses <- c(0.5, 1.0, 1.5, 3.0, 7.25)
mean_of <- t.test(c(2, 4, 4, 7, 9))

cat(toJSON(list(
  versions = list(R = R.version.string),
  none = none,
  beside = beside,
  some = list(n_events = 3, n = 24, limits = number(binom.test(3, 24)$conf.int)),
  quantiles = list(values = doses, type_7 = number(quantile(doses, c(.25, .5, .75, .9)))),
  mean = list(values = c(2, 4, 4, 7, 9), estimate = number(mean_of$estimate), limits = number(mean_of$conf.int))
), auto_unbox = TRUE, digits = 15, pretty = TRUE), "\n")
