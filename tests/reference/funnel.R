# Length of stay and deaths of 54 hospitals (medpar of the R package COUNT; the example of FunnelPlotR): models of all
# patients, expected events by hospital, dispersion between hospitals.
# Run in this folder: Rscript funnel.R [FILE] > funnel.json. Base R only.
file <- commandArgs(trailingOnly = TRUE)[1]
if (is.na(file)) file <- file.path("..", "..", "..", "shared", "data", "spc_funnel", "medpar.csv")
if (!file.exists(file)) {
  message("The open data set is not beside this checkout; funnel.json stays as it is.")
  quit(save = "no", status = 0)
}
d <- read.csv(file, colClasses = c(provnum = "character"))
stay <- glm(los ~ hmo + died + age80 + factor(type), family = poisson, data = d)
death <- glm(died ~ age80 + factor(type), family = binomial, data = d)
units <- aggregate(cbind(o = d$los, e = fitted(stay), d = d$died, de = fitted(death)), list(d$provnum), sum)
z <- (units$o - units$e) / sqrt(units$e)
ends <- quantile(z, c(.1, .9))
phi <- mean(pmin(pmax(z, ends[1]), ends[2])^2)
w <- units$e
n <- nrow(units)
tau2 <- (n * phi - (n - 1)) / (sum(w) - sum(w^2) / sum(w))
number <- function(x) paste(formatC(x, digits = 12, format = "g"), collapse = ", ")
cat("{\n")
cat('"version": "', R.version.string, '",\n', sep = "")
cat('"pearson_dispersion": ', number(sum(residuals(stay, "pearson")^2) / stay$df.residual), ",\n", sep = "")
cat('"phi": ', number(phi), ",\n", sep = "")
cat('"tau2": ', number(tau2), ",\n", sep = "")
cat('"expected_stay": [', number(units$e), "],\n", sep = "")
cat('"expected_deaths": [', number(units$de), "]\n", sep = "")
cat("}\n")
