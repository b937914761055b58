# Many tests at once: the studentised range (ptukey, and by nested integrate()), multivariate t (mvtnorm), p.adjust.
# Run: Rscript tests/reference/multiplicity.R > tests/reference/multiplicity.json
suppressPackageStartupMessages({library(jsonlite); library(mvtnorm)})
set.seed(1)

# P(Q > q) from its definition; the inner upper tail is integrated itself.
range_tail <- function(q, k, df) {
  missed <- function(w) sapply(w, function(width) {
    below <- function(z) {
      inside <- log1p(-pmin(exp(pnorm(z - width, log.p = TRUE) - pnorm(z, log.p = TRUE)), 1))
      k * dnorm(z) * pnorm(z)^(k - 1) * -expm1((k - 1) * inside)
    }
    # Wide ranges put a narrow peak at half their width: the pieces meet there.
    left <- integrate(below, width / 2 - 10, width / 2, rel.tol = 1e-12, subdivisions = 1000)$value
    left + integrate(below, width / 2, width / 2 + 10, rel.tol = 1e-12, subdivisions = 1000)$value
  })
  if (is.infinite(df)) return(missed(q))
  # In t = log s, where the density of s is that of sqrt(chi-squared / df).
  weighted <- function(t) 2 * df * exp(2 * t) * dchisq(df * exp(2 * t), df) * missed(q * exp(t))
  cuts <- c(-40 / min(df, 40) - 1, -2, -1, -0.5, 0, 0.5, 1, 2)
  cuts <- sort(unique(pmax(cuts, cuts[1])))
  sum(sapply(seq_along(cuts[-1]), function(i)
    integrate(weighted, cuts[i], cuts[i + 1], rel.tol = 1e-10, subdivisions = 1000)$value))
}
grid <- rbind(
  expand.grid(k = c(2, 3, 4, 7, 20), df = c(1, 2, 3.7, 6.64, 20, 51, Inf), q = c(1, 3.5, 6)),
  expand.grid(k = c(3, 10), df = c(20, Inf), q = c(9, 12))
)
ranges <- lapply(seq_len(nrow(grid)), function(i) with(grid[i, ], list(
  k = k, df = if (is.infinite(df)) "Inf" else df, q = q,
  ptukey = ptukey(q, k, df, lower.tail = FALSE), integrated = range_tail(q, k, df)
)))
quantiles <- expand.grid(k = c(2, 3, 5, 12, 20), df = c(2, 3.7, 10, 60, Inf), level = c(0.9, 0.95, 0.99))
quantiles <- lapply(seq_len(nrow(quantiles)), function(i) with(quantiles[i, ], list(
  k = k, df = if (is.infinite(df)) "Inf" else df, level = level, qtukey = qtukey(level, k, df)
)))

# Correlations of differences from a shared control, and one without such a structure.
control <- function(sizes) {
  loading <- sqrt((1 / sizes[1]) / (1 / sizes[1] + 1 / sizes[-1]))
  r <- outer(loading, loading); diag(r) <- 1; r
}
general <- matrix(c(1, .62, -.31, .18, .62, 1, .11, .44, -.31, .11, 1, .27, .18, .44, .27, 1), 4)
pairs <- local({
  a <- rbind(c(1, -1, 0), c(1, 0, -1), c(0, 1, -1)); v <- a %*% diag(c(1, .4, .25)) %*% t(a); cov2cor(v)
})
algorithm <- GenzBretz(maxpts = 1e6, abseps = 1e-6, releps = 0)
largest <- function(name, r, df, cuts) list(
  name = name, correlation = r, df = if (df == 0) "Inf" else df,
  tails = lapply(cuts, function(x) {
    inside <- pmvt(rep(-x, nrow(r)), rep(x, nrow(r)), df = df, corr = r, algorithm = algorithm)
    list(cut = x, tail = 1 - as.numeric(inside), error = attr(inside, "error"))
  }),
  quantile = qmvt(0.95, tail = "both.tails", df = df, corr = r)$quantile
)
cuts <- c(0.8, 2, 2.7, 4)
families <- list(
  largest("balanced control", control(c(5, 5, 5, 5)), 16, cuts),
  largest("unbalanced control", control(c(12, 4, 9, 30, 6)), 7, cuts),
  largest("unbalanced control", control(c(12, 4, 9, 30, 6)), 0, cuts),
  largest("general", general, 3, cuts),
  largest("general", general, 25, cuts),
  largest("general", general, 0, cuts),
  largest("two", general[1:2, 1:2], 9, cuts),
  largest("pairs of three means", pairs, 11, cuts)
)
p <- c(.01, .02, .03, .005, .04, .20)
answer <- list(
  versions = list(R = R.version.string, mvtnorm = as.character(packageVersion("mvtnorm"))),
  ranges = ranges, quantiles = quantiles, families = families,
  p_values = c(list(p = p), lapply(
    c(holm = "holm", hochberg = "hochberg", bonferroni = "bonferroni", bh = "BH", by = "BY"),
    function(method) p.adjust(p, method)
  ))
)
cat(toJSON(answer, auto_unbox = TRUE, digits = I(15), na = "null", pretty = TRUE), "\n")
