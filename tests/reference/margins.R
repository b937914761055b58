# Marginal means, contrasts and slopes of lm() by emmeans, on data sets of R made unbalanced.
# Run: Rscript tests/reference/margins.R > tests/reference/margins.json
suppressPackageStartupMessages({library(jsonlite); library(emmeans); library(mvtnorm)})
emm_options(msg.interaction = FALSE)

plain <- function(grid, ...) {
  table <- as.data.frame(summary(grid, infer = c(TRUE, TRUE), ...))
  names(table)[names(table) %in% c("emmean", "dose.trend")] <- "estimate"
  renamed <- c(SE = "std_error", t.ratio = "statistic", p.value = "p_value", lower.CL = "conf_low", upper.CL = "conf_high")
  hit <- names(table) %in% names(renamed)
  names(table)[hit] <- renamed[names(table)[hit]]
  for (name in names(table)) if (is.factor(table[[name]])) table[[name]] <- as.character(table[[name]])
  table
}
quiet <- function(x) suppressMessages(suppressWarnings(x))
# emmeans asks mvtnorm for 1e-3; here the same probability to 1e-6.
exact_p <- function(grid) {
  table <- as.data.frame(summary(grid)); set.seed(1)
  sapply(abs(table$t.ratio), function(t) 1 - as.numeric(pmvt(rep(-t, nrow(table)), rep(t, nrow(table)),
    df = as.integer(table$df[1]), corr = cov2cor(vcov(grid)),
    algorithm = GenzBretz(maxpts = 1e6, abseps = 1e-6, releps = 0))))
}
families <- function(grid, reference, by = FALSE) {
  pairs <- contrast(grid, "pairwise"); against <- contrast(grid, "trt.vs.ctrl", ref = reference)
  adjusted <- function(of, methods) sapply(methods, function(m) quiet(plain(of, adjust = m)), simplify = FALSE)
  list(
    pairs = adjusted(pairs, c("none", "holm", "bonferroni", "sidak", "tukey")),
    against = adjusted(against, c("none", "holm", "sidak")),
    pairs_mvt = if (!by) exact_p(pairs), against_mvt = if (!by) exact_p(against)
  )
}

breaks <- warpbreaks[-c(1, 2, 10, 30, 31, 50, 51, 52), ]
crossed <- lm(breaks ~ wool * tension, breaks)
additive <- lm(breaks ~ wool + tension, breaks)
# Without one cell the interaction cannot be told there.
gap <- breaks[!(breaks$wool == "B" & breaks$tension == "H"), ]
holed <- lm(breaks ~ wool * tension, gap)
teeth <- ToothGrowth[-c(1:4, 33, 34, 60), ]
curved <- lm(len ~ supp * poly(dose, 2), teeth)
straight <- lm(len ~ supp + dose, teeth)

answer <- list(
  versions = list(R = R.version.string, emmeans = as.character(packageVersion("emmeans")),
                  mvtnorm = as.character(packageVersion("mvtnorm"))),
  data = list(breaks = breaks, gap = gap, teeth = teeth),
  crossed = list(
    tension = plain(emmeans(crossed, "tension")),
    proportional = plain(emmeans(crossed, "tension", weights = "proportional")),
    within = plain(emmeans(crossed, "tension", by = "wool")),
    cells = plain(emmeans(crossed, c("tension", "wool"))),
    level_90 = plain(emmeans(crossed, "wool"), level = 0.9),
    kept = plain(emmeans(crossed, "tension", at = list(wool = "B"))),
    families = families(emmeans(crossed, "tension"), 2),
    families_within = families(emmeans(crossed, "tension", by = "wool"), 1, by = TRUE),
    dunnett = quiet(plain(contrast(emmeans(crossed, "tension"), "trt.vs.ctrl", ref = 2), adjust = "mvt"))
  ),
  additive = list(tension = plain(emmeans(additive, "tension", weights = "proportional"))),
  holed = list(
    cells = plain(emmeans(holed, "tension", by = "wool")),
    wool = plain(emmeans(holed, "wool")),
    pairs = quiet(plain(contrast(emmeans(holed, "tension", by = "wool"), "pairwise"), adjust = "holm"))
  ),
  curved = list(
    supp = plain(emmeans(curved, "supp")),
    at_doses = plain(emmeans(curved, c("dose", "supp"), at = list(dose = c(0.5, 1, 2)))),
    averaged = plain(emmeans(curved, "supp", at = list(dose = c(0.5, 2)))),
    doses = quiet(plain(contrast(emmeans(curved, "dose", by = "supp", at = list(dose = c(0.5, 1, 2))), "pairwise"),
                        adjust = "tukey")),
    slope = plain(emtrends(curved, "supp", var = "dose")),
    slope_at = plain(emtrends(curved, "supp", var = "dose", at = list(dose = 0.8), delta.var = 1e-5))
  ),
  straight = list(slope = plain(emtrends(straight, ~ 1, var = "dose")))
)
cat(toJSON(answer, auto_unbox = TRUE, digits = I(15), na = "null", pretty = TRUE), "\n")
