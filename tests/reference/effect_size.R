# Paired effect sizes of datasets::sleep (Student 1908) and of a made series, and noncentral t limits by
# inverting pt(ncp = ) with uniroot. Run: Rscript effect_size.R > effect_size.json
limits <- function(t, df, level = 0.95) {
  tail <- (1 - level) / 2
  root <- function(p) uniroot(function(ncp) suppressWarnings(pt(t, df, ncp)) - p,
                              c(t - 12, t + 12), tol = 1e-12)$root
  c(root(1 - tail), root(tail))
}
one <- function(before, after) {
  n <- length(before); change <- after - before; df <- n - 1
  test <- t.test(after, before, paired = TRUE)
  dz <- mean(change) / sd(change)
  j <- exp(lgamma(df / 2) - lgamma((df - 1) / 2)) / sqrt(df / 2)
  list(before = before, after = after, change = mean(change), sd_change = sd(change),
       conf = as.numeric(test$conf.int), correlation = cor(before, after), d_z = dz, g_z = j * dz,
       limits_z = limits(dz * sqrt(n), df) / sqrt(n),
       d_av = mean(change) / sqrt((var(before) + var(after)) / 2), d_baseline = mean(change) / sd(before))
}
json <- function(x) {
  if (is.list(x)) paste0("{", paste0('"', names(x), '": ', sapply(x, json), collapse = ", "), "}")
  else if (is.character(x)) paste0('"', x, '"')
  else if (length(x) == 1) sprintf("%.15g", x)
  else paste0("[", paste(sprintf("%.15g", x), collapse = ", "), "]")
}
s <- sleep$extra
made <- list(before = c(18, 21, 15, 24, 19, 22, 17, 20, 23, 16, 14, 25),
             after = c(9, 17, 6, 20, 5, 14, 12, 8, 19, 3, 11, 10))
grid <- expand.grid(t = c(0, 0.5, 2.3, -4.1, 12, 30), df = c(2, 5, 29, 400))
out <- list(R = paste(R.version$major, R.version$minor, sep = "."),
            sleep = one(s[1:10], s[11:20]), made = one(made$before, made$after),
            t = grid$t, df = grid$df,
            low = mapply(function(t, df) { l <- try(limits(t, df), silent = TRUE); if (inherits(l, "try-error")) NaN else l[1] }, grid$t, grid$df),
            high = mapply(function(t, df) { l <- try(limits(t, df), silent = TRUE); if (inherits(l, "try-error")) NaN else l[2] }, grid$t, grid$df))
cat(gsub("NaN", "null", json(out)), "\n")
