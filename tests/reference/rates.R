# Limits of proportions and Poisson rates: prop.test (Wilson), binom.test (Clopper-Pearson), poisson.test (Garwood).
# Run: Rscript tests/reference/rates.R > tests/reference/rates.json
suppressPackageStartupMessages(library(jsonlite))

proportion <- function(x, n, level = 0.95) list(
  x = x, n = n, level = level,
  wilson = suppressWarnings(as.numeric(prop.test(x, n, conf.level = level, correct = FALSE)$conf.int)),
  clopper_pearson = as.numeric(binom.test(x, n, conf.level = level)$conf.int)
)
poisson <- function(x, exposure, level = 0.95) list(
  x = x, exposure = exposure, level = level,
  exact = as.numeric(poisson.test(x, exposure, conf.level = level)$conf.int)
)
answer <- list(
  versions = list(R = R.version.string),
  proportions = list(
    proportion(81, 263), proportion(0, 20), proportion(15, 148), proportion(20, 20), proportion(1, 29),
    proportion(81, 263, 0.9), proportion(47, 6630, 0.99)
  ),
  poisson = list(poisson(11, 800), poisson(0, 100), poisson(3, 41.5, 0.9))
)
cat(toJSON(answer, auto_unbox = TRUE, digits = 15, na = "null", pretty = TRUE), "\n")
