# One R peer in a process of its own; requests and answers as in fit.py.
#
#     Rscript fit.R PEER MODEL

arguments <- commandArgs(trailingOnly = TRUE)
peer <- arguments[1]
random <- c(
  intercept = "(1 | patient_id)",
  slope = "(1 + day | patient_id)",
  clinic = "(1 | clinic_id) + (1 | patient_id)"
)[[arguments[2]]]
formula <- as.formula(paste("score ~ day*route + baseline + sex +", random))
quietly <- function(code) suppressMessages(suppressWarnings(code))
quietly(library(lme4))
if (peer != "lme4") quietly(library(lmerTest))
if (peer == "pbkrtest KR") quietly(library(pbkrtest))

table_of <- list(
  "lme4" = function(data) { m <- lme4::lmer(formula, data); list(m, coef(summary(m))) },
  "lmerTest" = function(data) { m <- lmerTest::lmer(formula, data); list(m, coef(summary(m))) },
  "pbkrtest KR" = function(data) {
    m <- lmerTest::lmer(formula, data)
    list(m, coef(summary(m, ddf = "Kenward-Roger")))
  }
)[[peer]]

load_csv <- function(path) {
  if (requireNamespace("data.table", quietly = TRUE)) {
    data.table::fread(path, data.table = FALSE, showProgress = FALSE)
  } else {
    read.csv(path)
  }
}

resident <- function(field) {
  if (!file.exists("/proc/self/status")) return(NA)
  line <- grep(field, readLines("/proc/self/status"), value = TRUE)
  as.numeric(gsub("[^0-9]", "", line)) * 1024
}

number <- function(x) ifelse(is.na(x), "null", sprintf("%.17g", x))
named <- function(names, values) {
  paste0("{", paste0('"', gsub("[:()]", "", names), '": ', number(values), collapse = ", "), "}")
}

fitted_once <- function(data) {
  invisible(gc())
  forgotten <- tryCatch({ cat("5", file = "/proc/self/clear_refs"); TRUE }, error = function(e) FALSE)
  before <- if (forgotten) resident("VmRSS") else NA
  begin <- Sys.time()
  result <- quietly(table_of(data))
  seconds <- as.numeric(Sys.time() - begin, units = "secs")
  used <- resident("VmHWM") - before
  table <- result[[2]]
  df <- if ("df" %in% colnames(table)) named(rownames(table), table[, "df"]) else "null"
  sprintf(
    '{"seconds": %s, "bytes": %s, "estimates": %s, "df": %s, "deviance": %s}',
    number(seconds), number(used), named(rownames(table), table[, "Estimate"]), df,
    number(REMLcrit(result[[1]]))
  )
}

requests <- file("stdin", "r")
data <- NULL
repeat {
  line <- readLines(requests, 1)
  if (length(line) == 0) break
  answer <- tryCatch(
    if (startsWith(line, "load ")) {
      data <- load_csv(substring(line, 6))
      sprintf('{"rows": %d}', nrow(data))
    } else {
      fitted_once(data)
    },
    error = function(e) {
      sprintf('{"error": "%s"}', substr(gsub('["\\\\\n]', " ", conditionMessage(e)), 1, 200))
    }
  )
  cat(answer, "\n", sep = "")
  flush(stdout())
}
