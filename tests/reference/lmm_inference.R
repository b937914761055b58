# Satterthwaite (lmerTest) and Kenward-Roger (pbkrtest) inference of the models of lmm_models.R at the polished optimum.
# Kenward-Roger is also worked out here on dense n x n matrices; that is the reference for the weighted fit, whose weights
# pbkrtest ignores. Run: Rscript tests/reference/lmm_inference.R > tests/reference/lmm_inference.json
here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(FALSE), value = TRUE)))
source(file.path(here, "lmm_models.R"))
suppressPackageStartupMessages({
  library(lmerTest)
  library(pbkrtest)
})

# Kenward & Roger (1997), expected information, parameters: distinct elements of each block's covariance, residual variance.
dense_kenward_roger <- function(f) {
  d <- dense(f)
  index <- effects_index(f)
  derivatives <- list(diag(1 / f$weights))
  for (block in unique(index$block)) {
    terms <- unique(index$term[index$block == block])
    of <- lapply(terms, function(term) d$z[, index$block == block & index$term == term, drop = FALSE])
    for (i in seq_along(terms)) for (j in seq_len(i)) {
      both <- of[[i]] %*% t(of[[j]])
      derivatives[[length(derivatives) + 1]] <- if (i == j) both else both + t(both)
    }
  }
  vi <- solve(d$v * d$sigma2)
  phi <- solve(crossprod(d$x, vi %*% d$x))
  k <- length(derivatives)
  vg <- lapply(derivatives, function(g) vi %*% g)
  p <- lapply(vg, function(g) -crossprod(d$x, g %*% vi %*% d$x))
  information <- lambda <- 0
  q <- matrix(list(), k, k)
  information <- matrix(0, k, k)
  for (r in 1:k) for (s in 1:k) {
    q[[r, s]] <- crossprod(d$x, vg[[r]] %*% vg[[s]] %*% vi %*% d$x)
    information[r, s] <- sum(t(vg[[r]]) * vg[[s]]) - sum(diag(2 * phi %*% q[[r, s]] - phi %*% p[[r]] %*% phi %*% p[[s]]))
  }
  w <- 2 * solve(information)
  for (r in 1:k) for (s in 1:k) lambda <- lambda + w[r, s] * (q[[r, s]] - p[[r]] %*% phi %*% p[[s]])
  list(phi = phi, adjusted = phi + 2 * phi %*% lambda %*% phi, p = p, w = w)
}

dense_test <- function(kr, rows, beta) {
  l <- nrow(rows)
  theta <- t(rows) %*% solve(rows %*% kr$phi %*% t(rows), rows)
  shares <- lapply(kr$p, function(p) theta %*% kr$phi %*% p %*% kr$phi)
  k <- length(shares)
  a1 <- a2 <- 0
  for (r in 1:k) for (s in 1:k) {
    a1 <- a1 + kr$w[r, s] * sum(diag(shares[[r]])) * sum(diag(shares[[s]]))
    a2 <- a2 + kr$w[r, s] * sum(diag(shares[[r]] %*% shares[[s]]))
  }
  b <- (a1 + 6 * a2) / (2 * l)
  g <- ((l + 1) * a1 - (l + 4) * a2) / ((l + 2) * a2)
  c <- c(g, l - g, l + 2 - g) / (3 * l + 2 * (1 - g))
  e <- 1 / (1 - a2 / l)
  v <- 2 / l * (1 + c[1] * b) / ((1 - c[2] * b)^2 * (1 - c[3] * b))
  ddf <- 4 + (l + 2) / (l * v / (2 * e^2) - 1)
  scale <- ddf / (e * (ddf - 2))
  lb <- rows %*% beta
  statistic <- scale / l * sum(lb * solve(rows %*% kr$adjusted %*% t(rows), lb))
  list(statistic = statistic, num_df = l, den_df = ddf, scale = scale,
       p_value = pf(statistic, l, ddf, lower.tail = FALSE))
}

rows_of <- function(se, df, beta) list(
  se = listed(se), df = listed(df), p_value = listed(2 * pt(-abs(beta / se), df)),
  conf_low = listed(beta - qt(0.975, df) * se), conf_high = listed(beta + qt(0.975, df) * se)
)

kenward_roger <- function(f) {
  beta <- fixef(f$fit)
  own <- dense_kenward_roger(f)
  unit <- diag(length(beta))
  own_df <- sapply(seq_along(beta), function(j) dense_test(own, unit[j, , drop = FALSE], beta)$den_df)
  if (!is.null(f$model$weights)) {
    answer <- rows_of(sqrt(diag(own$adjusted)), own_df, beta)
    return(c(answer, list(source = "dense formulas", vcov = unname(own$adjusted))))
  }
  adjusted <- vcovAdj(f$fit)
  df <- sapply(seq_along(beta), function(j) Lb_ddf(unit[j, ], vcov(f$fit), adjusted))
  adjusted <- unname(as.matrix(adjusted))
  c(rows_of(sqrt(diag(adjusted)), df, beta), list(
    source = "pbkrtest", vcov = adjusted, dense_se = listed(sqrt(diag(own$adjusted))), dense_df = listed(own_df)
  ))
}

joint_tests <- function(f, tested) {
  beta <- fixef(f$fit)
  unit <- diag(length(beta))
  sets <- list(all = unit)
  if (length(beta) > 2) sets$all_but_intercept <- unit[-1, , drop = FALSE]
  if (length(beta) == 1) return(NULL)
  own <- dense_kenward_roger(f)
  lapply(sets, function(rows) {
    satterthwaite <- contest(tested, rows, joint = TRUE)
    answer <- list(satterthwaite = list(
      statistic = satterthwaite[["F value"]], num_df = nrow(rows), den_df = satterthwaite[["DenDF"]],
      p_value = satterthwaite[["Pr(>F)"]]
    ))
    if (is.null(f$model$weights)) {
      kr <- KRmodcomp(f$fit, rows)$stats
      answer$kenward_roger <- list(statistic = kr$Fstat, num_df = kr$ndf, den_df = kr$ddf, scale = kr$F.scaling,
                                   p_value = kr$p.value)
    } else {
      answer$kenward_roger <- dense_test(own, rows, beta)
    }
    answer
  })
}

type_three <- function(f, tested, ddf) {
  if (length(fixef(f$fit)) == 1) return(NULL)
  table <- suppressMessages(anova(tested, type = "III", ddf = ddf))
  data.frame(term = rownames(table), num_df = table$NumDF, den_df = table$DenDF, statistic = table[["F value"]],
             p_value = table[["Pr(>F)"]], sum_sq = table[["Sum Sq"]])
}

describe <- function(name) {
  f <- fit_model(name)
  tested <- suppressMessages(as_lmerModLmerTest(f$fit))
  coefficients <- coef(summary(tested))
  answer <- list(
    formula = f$text, terms = listed(rownames(coefficients)),
    satterthwaite = rows_of(coefficients[, "Std. Error"], coefficients[, "df"], coefficients[, "Estimate"]),
    kenward_roger = kenward_roger(f), joint = joint_tests(f, tested),
    type_three = list(satterthwaite = type_three(f, tested, "Satterthwaite"))
  )
  if (is.null(f$model$weights)) answer$type_three$kenward_roger <- type_three(f, tested, "Kenward-Roger")
  ml <- fit_model(name, FALSE)
  coefficients <- coef(summary(suppressMessages(as_lmerModLmerTest(ml$fit))))
  answer$ml_satterthwaite <- rows_of(coefficients[, "Std. Error"], coefficients[, "df"], coefficients[, "Estimate"])
  answer
}

# lmerTest differentiates with an absolute step that is larger than a slope's theta per second.
used <- setdiff(names(models), "sleepstudy_seconds")
emit(list(versions = versions("lmerTest", "pbkrtest"), models = sapply(used, describe, simplify = FALSE)))
