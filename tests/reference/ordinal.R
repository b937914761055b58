# Proportional odds: clm of ordinal::wine and ordinal::soup, sandwich of polr's scores by judge and by respondent,
# Brant's test by separate logits (formula of Brant 1990, written out here), and the same with clusters.
# Writes ordinal_soup.csv too. Run: Rscript tests/reference/ordinal.R > tests/reference/ordinal.json
suppressPackageStartupMessages({library(jsonlite); library(ordinal); library(MASS); library(sandwich); library(clubSandwich)})

fit_of <- function(formula, data, cluster) {
  fit <- clm(formula, data = data)
  tight <- clm(formula, data = data, control = clm.control(gradTol = 1e-10))
  scores <- as.matrix(estfun(tight))
  bread <- vcov(tight)
  sums <- rowsum(scores, cluster)
  m <- nrow(sums)
  robust <- m / (m - 1) * bread %*% crossprod(sums) %*% bread
  list(
    log_likelihood = as.numeric(logLik(tight)), thresholds = as.numeric(tight$alpha), params = as.numeric(tight$beta),
    cov = unname(bread), robust = unname(robust), n_clusters = m
  )
}
separate <- function(x, y) lapply(sort(unique(y))[-1], function(c) glm((y >= c) ~ x, family = binomial, epsilon = 1e-14))
wald <- function(fits, joint, p, columns) {
  q <- length(fits)
  b <- unlist(lapply(fits, function(f) coef(f)[-1][columns]))
  at <- unlist(lapply(seq_len(q), function(c) (c - 1) * (p + 1) + 1 + columns))
  k <- length(columns)
  contrast <- kronecker(cbind(rep(-1, q - 1), diag(q - 1)), diag(k))
  d <- contrast %*% b
  as.numeric(t(d) %*% solve(contrast %*% joint[at, at] %*% t(contrast), d))
}
brant <- function(x, y, cluster = NULL) {
  fits <- separate(x, y); q <- length(fits); p <- ncol(x); X <- cbind(1, x)
  bread <- lapply(fits, vcov)
  if (is.null(cluster)) {
    pi <- lapply(fits, fitted)
    joint <- do.call(rbind, lapply(seq_len(q), function(c) do.call(cbind, lapply(seq_len(q), function(d) {
      w <- pi[[max(c, d)]] - pi[[c]] * pi[[d]]
      bread[[c]] %*% crossprod(X, X * w) %*% bread[[d]]
    }))))
  } else {
    influence <- do.call(cbind, lapply(seq_len(q), function(c) rowsum(as.matrix(estfun(fits[[c]])), cluster) %*% bread[[c]]))
    m <- nrow(influence)
    joint <- m / (m - 1) * crossprod(influence)
  }
  df <- (q - 1) * p
  all <- wald(fits, joint, p, seq_len(p))
  each <- sapply(seq_len(p), function(j) wald(fits, joint, p, j))
  p_of <- function(stat, df) if (is.null(cluster)) pchisq(stat, df, lower.tail = FALSE) else
    pf(stat * (m - df) / (df * (m - 1)), df, m - df, lower.tail = FALSE)
  list(statistic = all, df = df, p_value = p_of(all, df), each = each, each_p = p_of(each, q - 1),
       separate = unname(t(sapply(fits, function(f) coef(f)[-1]))))
}

data(wine); data(soup)
soup_rows <- data.frame(
  sureness = as.integer(soup$SURENESS) - 1L, test = as.integer(soup$PROD == "Test"),
  cold = as.integer(soup$COLD == "Yes"), respondent = as.integer(soup$RESP)
)
write.csv(soup_rows, "ordinal_soup.csv", row.names = FALSE, quote = FALSE)
x <- as.matrix(soup_rows[, c("test", "cold")])
# Two categories: the sandwich of a logistic regression with clubSandwich's CR2.
above <- soup_rows$sureness >= 3
logit <- glm(above ~ test + cold, data = soup_rows, family = binomial, epsilon = 1e-14)
answer <- list(
  versions = list(R = R.version.string, ordinal = as.character(packageVersion("ordinal")),
                  sandwich = as.character(packageVersion("sandwich")),
                  clubSandwich = as.character(packageVersion("clubSandwich"))),
  wine = list(rating = as.integer(wine$rating) - 1L, warm = as.integer(wine$temp == "warm"),
              contact = as.integer(wine$contact == "yes"), judge = as.integer(wine$judge)),
  wine_fit = fit_of(rating ~ temp + contact, wine, as.integer(wine$judge)),
  soup_fit = fit_of(SURENESS ~ PROD + COLD, soup, as.integer(soup$RESP)),
  two = list(params = unname(coef(logit)),
             cr2 = unname(as.matrix(vcovCR(logit, cluster = soup_rows$respondent, type = "CR2")))),
  brant = brant(x, soup_rows$sureness),
  brant_clusters = brant(x, soup_rows$sureness, soup_rows$respondent)
)
cat(toJSON(answer, auto_unbox = TRUE, digits = 15, na = "null"), "\n")
