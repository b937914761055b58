# Critical values of the run rules: longest run round(log2(n)) + 3 and fewest crossings
# qbinom(0.05, n - 1, 0.5), which is how qicharts2 (CRAN; Anhoej) defines them, for n = 10 to 300.
# Chances of a signal without any change about a given line by listing all 2^n series, n = 10 to 16.
# Run: Rscript tests/reference/control_charts.R > tests/reference/control_charts.json
suppressPackageStartupMessages(library(jsonlite))

n <- 10:300
longest <- function(n) round(log2(n)) + 3
crossings <- function(n) qbinom(0.05, n - 1, 0.5)

signals <- function(n) {
  series <- as.matrix(expand.grid(rep(list(0:1), n)))
  found <- apply(series, 1, function(x) {
    lengths <- rle(x)$lengths
    max(lengths) > longest(n) || length(lengths) - 1 < crossings(n)
  })
  balanced <- rowSums(series) == n / 2
  c(given = mean(found), own_median = if (n %% 2 == 0) mean(found[balanced]) else NA)
}
chance <- sapply(c(10, 11, 12, 14, 16), signals)

cat(toJSON(list(
  R = R.version.string,
  n = n, longest_allowed = longest(n), fewest_crossings = crossings(n),
  chance = list(n = c(10, 11, 12, 14, 16), given = chance["given", ], own_median = chance["own_median", ])
), digits = 12, auto_unbox = TRUE, na = "null"), "\n")
