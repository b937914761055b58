# Model matrices of R: model.matrix for fixed parts, lme4's lFormula for groups and random columns.
# Run: Rscript tests/reference/design.R > tests/reference/design.json
suppressPackageStartupMessages({
  library(jsonlite)
  library(splines)
  library(lme4)
})

# Eighteen made-up rows: three patients in each of two clinics, the same patient numbers in both.
n <- 18
data <- data.frame(
  score = c(24, 20, 15, 27, 25, 26, 19, 12, 9, 22, 21, 17, 30, 24, 20, 18, 13, 8),
  clinic = rep(c("north", "east"), each = 9),
  patient = rep(rep(c(11, 12, 13), each = 3), 2),
  route = c("IV", "IM", "SC", "IV", "IV", "SC", "IM", "IM", "IV", "SC", "SC", "IM", "IV", "SC", "IM", "IM", "IV", "SC"),
  sex = rep(c("M", "F", "F", "M", "F", "M"), each = 3),
  flag = rep(c(TRUE, FALSE, FALSE), 6),
  day = c(0, 3, 7, 1, 4, 9, 0, 2, 8, 0.5, 3.5, 10, 1.5, 5, 11, 2.5, 6, 14),
  dose = c(0.5, 0.5, 0.75, 1, 0.5, 0.6, 0.8, 0.5, 0.7, 0.5, 0.9, 0.5, 0.65, 0.5, 0.55, 1, 0.5, 0.75)
)
# Levels in the order of the alphabet by code point, whatever the locale.
for (name in c("clinic", "route", "sex")) {
  data[[name]] <- factor(data[[name]], levels = sort(unique(data[[name]]), method = "radix"))
}

matrix_of <- function(formula) {
  x <- model.matrix(as.formula(formula), data)
  list(formula = formula, names = I(colnames(x)), assign = I(attr(x, "assign")), x = unname(as.matrix(x)))
}
fixed <- lapply(list(
  "~ route * sex", "~ day * route + dose + sex", "~ 0 + route", "~ 0 + route + sex", "~ sex + route - 1",
  "~ route:day", "~ day:route + sex", "~ route:sex", "~ 0 + route:sex", "~ sex + sex:route", "~ sex/route",
  "~ flag * day", "~ 0 + flag", "~ 0 + day + route:day", "~ day + route:day", "~ route * sex * day",
  "~ route:sex:day", "~ (route + sex + flag)^2", "~ (route + sex + flag)^2 - sex:flag", "~ sex:route + route",
  "~ dose + flag:day + day:route", "~ route * flag * sex - route:flag:sex", "~ day:dose + route", "~ 1",
  "~ poly(day, 3)", "~ poly(day, 2):route + sex", "~ route * poly(day, 2)", "~ poly(day, 1)",
  "~ poly(day, 2, raw = TRUE)", "~ bs(day, df = 4)", "~ bs(day, df = 5, degree = 2)", "~ bs(day, knots = c(3, 8))",
  "~ log(day + 1) * sex", "~ sqrt(day) + exp(-dose) + abs(day - 5)", "~ I(day > 4) + sex", "~ scale(day) + sex",
  "~ I(day * dose) + log2(dose) + log10(dose) + log1p(day) + expm1(dose)"
), matrix_of)

contrast_of <- function(formula) unname(model.matrix(as.formula(formula), data))
contrasts <- list(
  sum = contrast_of("~ C(route, contr.sum)"),
  helmert = contrast_of("~ C(route, contr.helmert)"),
  poly = contrast_of("~ C(route, contr.poly)"),
  second = contrast_of("~ relevel(route, 'IV')"),
  sum_by_day = contrast_of("~ C(route, contr.sum) * day")
)

# New data: three rows, coded as the rows above were.
new <- data.frame(day = c(0.25, 6.5, 13), route = factor(c("SC", "SC", "IM"), levels = levels(data$route)))
new_of <- function(formula) {
  frame <- model.frame(as.formula(formula), data)
  unname(model.matrix(terms(frame), model.frame(delete.response(terms(frame)), new)))
}
coded <- list(
  poly = new_of("~ poly(day, 3)"), bs = new_of("~ bs(day, df = 4)"), scale = new_of("~ scale(day)"),
  product = new_of("~ route * day")
)

groups_of <- function(formula) {
  made <- lFormula(as.formula(formula), data, control = lmerControl(
    check.nobs.vs.nlev = "ignore", check.nobs.vs.nRE = "ignore", check.nobs.vs.rankZ = "ignore"
  ))
  terms <- made$reTrms
  list(
    formula = formula,
    groups = lapply(names(terms$flist), function(name) list(name = name, codes = as.integer(terms$flist[[name]]))),
    assign = attr(terms$flist, "assign"),
    effects = unname(terms$cnms),
    z = unname(as.matrix(t(terms$Zt))),
    width = unname(diff(terms$Gp))
  )
}
random <- lapply(list(
  "score ~ 1 + (1 | clinic/patient)", "score ~ 1 + (1 + day | patient)", "score ~ 1 + (day || patient)",
  "score ~ 1 + (0 + day | patient)", "score ~ 1 + (sex | clinic)", "score ~ 1 + (0 + route | clinic)",
  "score ~ 1 + (1 | clinic:patient) + (0 + dose | clinic:patient)", "score ~ 1 + (1 | clinic) + (1 | route)"
), groups_of)

answer <- list(
  versions = list(R = R.version.string, lme4 = as.character(packageVersion("lme4"))),
  data = as.list(data), fixed = fixed, contrasts = contrasts, new = as.list(new), coded = coded, random = random
)
cat(toJSON(answer, auto_unbox = TRUE, digits = 15, na = "null", matrix = "rowmajor"), "\n")
