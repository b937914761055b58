# Data sets, models and exact optima for lmm_fits.R, lmm_inference.R, lmm_profile.R and lmm_margins.R.
# Prints nothing by itself. Factors are plain, with levels in alphabetical order and treatment contrasts.
suppressPackageStartupMessages({
  library(lme4)
  library(jsonlite)
})
options(contrasts = c("contr.treatment", "contr.treatment"))

plain <- function(x) factor(as.character(x), levels = sort(unique(as.character(x)), method = "radix"))

# Eight lines of four points whose intercepts and slopes are tied: the estimated correlation is exactly 1.
singular_slope <- function() {
  frame <- expand.grid(time = 0:3, group = 1:8)
  i <- seq_len(nrow(frame))
  frame$y <- 10 + 2 * frame$time + (frame$group - 4.5) * (1 + 0.5 * frame$time) + ((7 * i) %% 11 - 5) / 2
  data.frame(y = frame$y, time = frame$time, group = plain(paste0("g", frame$group)))
}

# Five clinics, 6 to 10 patients each, 3 to 6 visits each: three levels, unbalanced.
clinics <- function() {
  set.seed(20240611)
  rows <- list()
  for (clinic in 1:5) {
    at_clinic <- rnorm(1, sd = 2.5)
    for (patient in seq_len(5 + clinic)) {
      days <- sort(sample(0:14, 3 + (patient + clinic) %% 4))
      own <- rnorm(1, sd = 3)
      slope <- -0.4 + rnorm(1, sd = 0.35) + 0.1 * own
      arm <- if (patient %% 3 == 0) "placebo" else "active"
      score <- 25 + at_clinic + own + slope * days + 0.3 * days * (arm == "placebo") + rnorm(length(days), sd = 1.7)
      rows[[length(rows) + 1]] <- data.frame(
        clinic = paste0("c", clinic), patient = sprintf("p%02d", patient), arm = arm, day = days,
        score = round(score, 4)
      )
    }
  }
  frame <- do.call(rbind, rows)
  for (name in c("clinic", "patient", "arm")) frame[[name]] <- plain(frame[[name]])
  frame
}

removed <- c(1, 5, 12, 23, 24, 25, 40, 61:65, 90, 101, 120, 133, 150, 171, 172, 180)
frames <- list()
frames$sleepstudy <- data.frame(
  Reaction = sleepstudy$Reaction, Days = sleepstudy$Days, Subject = plain(sleepstudy$Subject),
  Seconds = sleepstudy$Days * 86400, Weight = 1 + seq_len(180) %% 3, Unbalanced = as.integer(!(1:180 %in% removed))
)
frames$sleepstudy_unbalanced <- droplevels(subset(frames$sleepstudy, Unbalanced == 1))
frames$dyestuff <- data.frame(Batch = plain(Dyestuff$Batch), Yield = Dyestuff$Yield)
frames$dyestuff2 <- data.frame(Batch = plain(Dyestuff2$Batch), Yield = Dyestuff2$Yield)
frames$orthodont <- with(nlme::Orthodont, data.frame(
  distance = as.numeric(distance), age = as.numeric(age), Subject = plain(Subject), Sex = plain(Sex)
))
frames$pastes <- data.frame(strength = Pastes$strength, batch = plain(Pastes$batch), cask = plain(Pastes$cask))
frames$oats <- with(nlme::Oats, data.frame(
  yield = as.numeric(yield), Block = plain(Block), Variety = plain(Variety), nitro = plain(sprintf("n%.1f", nitro)),
  Unbalanced = as.integer(!(1:72 %in% c(2, 7, 8, 19, 33, 34, 35, 50, 61, 72)))
))
frames$oats_unbalanced <- droplevels(subset(frames$oats, Unbalanced == 1))
frames$penicillin <- data.frame(
  diameter = Penicillin$diameter, plate = plain(Penicillin$plate), sample = plain(Penicillin$sample)
)
frames$machines <- with(nlme::Machines, data.frame(
  score = as.numeric(score), Machine = plain(Machine), Worker = plain(paste0("w", Worker))
))
frames$cake <- data.frame(
  angle = as.numeric(cake$angle), recipe = plain(cake$recipe), replicate = plain(sprintf("r%02d", cake$replicate)),
  temperature = plain(paste0("t", cake$temperature))
)
frames$singular_slope <- singular_slope()
frames$clinics <- clinics()

model <- function(data, formula, weights = NULL) list(data = data, formula = formula, weights = weights)
models <- list(
  sleepstudy = model("sleepstudy", Reaction ~ Days + (1 + Days | Subject)),
  sleepstudy_intercept = model("sleepstudy", Reaction ~ Days + (1 | Subject)),
  sleepstudy_uncorrelated = model("sleepstudy", Reaction ~ Days + (1 + Days || Subject)),
  sleepstudy_unbalanced = model("sleepstudy_unbalanced", Reaction ~ Days + (1 + Days | Subject)),
  sleepstudy_weighted = model("sleepstudy", Reaction ~ Days + (1 + Days | Subject), "Weight"),
  sleepstudy_seconds = model("sleepstudy", Reaction ~ Seconds + (1 + Seconds | Subject)),
  dyestuff = model("dyestuff", Yield ~ 1 + (1 | Batch)),
  dyestuff2 = model("dyestuff2", Yield ~ 1 + (1 | Batch)),
  orthodont = model("orthodont", distance ~ age * Sex + (1 | Subject)),
  orthodont_slope = model("orthodont", distance ~ age * Sex + (1 + age | Subject)),
  pastes = model("pastes", strength ~ 1 + (1 | batch / cask)),
  oats = model("oats", yield ~ Variety + nitro + (1 | Block / Variety)),
  oats_interaction = model("oats", yield ~ Variety * nitro + (1 | Block / Variety)),
  oats_unbalanced = model("oats_unbalanced", yield ~ Variety + nitro + (1 | Block / Variety)),
  penicillin = model("penicillin", diameter ~ 1 + (1 | plate) + (1 | sample)),
  machines = model("machines", score ~ Machine + (1 + Machine | Worker)),
  machines_nested = model("machines", score ~ Machine + (1 | Worker / Machine)),
  cake = model("cake", angle ~ recipe * temperature + (1 | recipe:replicate)),
  cake_additive = model("cake", angle ~ recipe + temperature + (1 | recipe:replicate)),
  singular_slope = model("singular_slope", y ~ time + (1 + time | group)),
  clinics = model("clinics", score ~ day * arm + (1 | clinic) + (1 + day | clinic:patient))
)

# Gradient (four-point) and Hessian of f at x by central differences with steps h; exact enough for Newton.
differences <- function(f, x, h) {
  k <- length(x)
  at <- function(i, s) { y <- x; y[i] <- y[i] + s * h[i]; f(y) }
  gradient <- sapply(seq_len(k), function(i)
    (8 * (at(i, 1) - at(i, -1)) - (at(i, 2) - at(i, -2))) / (12 * h[i]))
  hessian <- matrix(0, k, k)
  centre <- f(x)
  for (i in seq_len(k)) for (j in seq_len(i)) {
    hessian[i, j] <- hessian[j, i] <- if (i == j) {
      (at(i, 1) - 2 * centre + at(i, -1)) / h[i]^2
    } else {
      both <- function(s, t) { y <- x; y[i] <- y[i] + s * h[i]; y[j] <- y[j] + t * h[j]; f(y) }
      (both(1, 1) - both(1, -1) - both(-1, 1) + both(-1, -1)) / (4 * h[i] * h[j])
    }
  }
  list(gradient = gradient, hessian = hessian)
}

# The random effect (row of its factor) that each theta belongs to.
effect_of <- function(cnms) {
  rows <- lapply(lengths(cnms), function(q) row(diag(q))[lower.tri(diag(q), diag = TRUE)])
  as.integer(factor(paste(rep(seq_along(rows), lengths(rows)), unlist(rows))))
}

# Optimum of lme4's profiled deviance: BOBYQA, exact zeros where they are no worse, then Newton steps.
polish <- function(devfun, start, lower, effect, search = TRUE) {
  theta <- start
  if (search) for (round in 1:3) {
    theta <- nloptwrap(theta, devfun, lower, rep(Inf, length(theta)),
                       control = list(xtol_abs = 1e-12, ftol_abs = 1e-14, maxeval = 1e5))$par
  }
  free <- rep(TRUE, length(theta))
  for (k in which(lower == 0 & abs(theta) < 1e-3 * max(abs(theta), 1))) {
    zero <- replace(theta, k, 0)
    if (devfun(zero) <= devfun(theta) + 1e-8) { theta <- zero; free[k] <- FALSE }
  }
  restricted <- function(x) devfun(replace(theta, free, x))
  # A step worth the same in any unit of the effect: relative to its largest |theta|.
  h <- 2e-3 * ave(abs(theta), effect, FUN = max)[free]
  gradient <- numeric()
  if (any(free)) {
    for (round in 1:6) {
      d <- differences(restricted, theta[free], h)
      theta[free] <- theta[free] - solve(d$hessian, d$gradient)
    }
    gradient <- differences(restricted, theta[free], h)$gradient
  }
  stopifnot(theta >= lower)
  # The gradient is given per relative change of the effect, which is the same in any unit.
  list(theta = theta, gradient = gradient * h / 2e-3, free = free)
}

# The lme4 fit of a model at its polished optimum.
fit_model <- function(name, reml = TRUE) {
  m <- models[[name]]
  data <- frames[[m$data]]
  w <- if (is.null(m$weights)) NULL else data[[m$weights]]
  data$.w <- if (is.null(w)) rep(1, nrow(data)) else w
  text <- paste(deparse(m$formula, 500), collapse = "")
  # The call is built as text so that lmerTest and pbkrtest can evaluate it again.
  assign("data_now", data, envir = globalenv())
  call <- parse(text = sprintf("lFormula(%s, data = data_now, REML = %s%s, control = lmerControl(%s))", text, reml,
    if (is.null(w)) "" else ", weights = .w", "check.scaleX = 'ignore'"))[[1]]
  parts <- eval(call)
  devfun <- do.call(mkLmerDevfun, c(parts, list(control = lmerControl(check.scaleX = "ignore"))))
  lower <- parts$reTrms$lower
  seconds <- name == "sleepstudy_seconds"
  start <- if (seconds) fit_model("sleepstudy", reml)$theta / c(1, 86400, 86400) else parts$reTrms$theta
  best <- polish(devfun, start, lower, effect_of(parts$reTrms$cnms), search = !seconds)
  assign("data_now", data, envir = globalenv())
  deviance <- devfun(best$theta)
  fit <- mkMerMod(environment(devfun), list(par = best$theta, fval = deviance, conv = 0, feval = 1L, message = ""),
                  parts$reTrms, fr = parts$fr)
  fit@call <- parse(text = sub("^lFormula", "lmer", paste(deparse(call, 500), collapse = "")))[[1]]
  list(name = name, model = m, text = text, data = data, fit = fit, parts = parts, devfun = devfun, reml = reml,
       theta = best$theta, deviance = deviance, gradient = best$gradient, free = best$free, weights = data$.w)
}

# Dense matrices of a fit: the plain formulas on n x n matrices, a check on every shortcut.
dense <- function(f) {
  lambda_t <- as.matrix(getME(f$fit, "Lambdat"))
  z <- as.matrix(getME(f$fit, "Z"))
  list(x = unname(as.matrix(getME(f$fit, "X"))), z = z, y = getME(f$fit, "y"), lambda = t(lambda_t), sigma2 = sigma(f$fit)^2,
       v = diag(1 / f$weights) + z %*% crossprod(lambda_t) %*% t(z))
}

# Which random effect each column of Z is: grouping, group, term.
effects_index <- function(f) {
  tr <- f$parts$reTrms
  rows <- list()
  for (i in seq_along(tr$cnms)) {
    grouping <- names(tr$flist)[attr(tr$flist, "assign")[i]]
    groups <- levels(tr$flist[[grouping]])
    rows[[i]] <- data.frame(block = i, grouping = grouping, group = rep(groups, each = length(tr$cnms[[i]])),
                            term = rep(tr$cnms[[i]], length(groups)))
  }
  do.call(rbind, rows)
}

versions <- function(...) c(
  list(R = R.version.string),
  sapply(c("lme4", ...), function(p) as.character(packageVersion(p)), simplify = FALSE)
)
emit <- function(answer) cat(toJSON(answer, auto_unbox = TRUE, digits = I(15), na = "null", pretty = TRUE), "\n")
listed <- function(x) I(unname(x))
