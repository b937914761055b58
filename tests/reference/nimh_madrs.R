# MADRS of the NIMH ketamine trial (OpenNeuro ds005917, CC0), MDD only, against the first baseline b0.
# Run in this folder: Rscript nimh_madrs.R [FOLDER_OF_THE_DATA_SET] > nimh_madrs.json
folder <- commandArgs(trailingOnly = TRUE)[1]
if (is.na(folder)) folder <- file.path("..", "..", "..", "shared", "data", "nimh_ketamine_moa_ds005917")
if (!dir.exists(folder)) {
  message("The open data set is not beside this checkout; nimh_madrs.json stays as it is.")
  quit(save = "no", status = 0)
}
read <- function(name) read.delim(file.path(folder, name), na.strings = "n/a", stringsAsFactors = FALSE)
people <- read("participants.tsv")
seen <- read("phenotype.tsv")
mdd <- people$participant_id[people$group == "MDD"]
seen <- seen[seen$participant_id %in% mdd, ]
at <- function(session) {
  rows <- seen[seen$session_id == paste0("ses-", session), ]
  rows$MADRS_Total[match(mdd, rows$participant_id)]
}
b0 <- at("b0")
number <- function(x) formatC(x, digits = 12, format = "g")
parts <- character()
for (session in c("b0", "d2", "d10", "p2", "p10")) {
  score <- at(session)
  n <- sum(!is.na(score))
  parts <- c(parts, sprintf('"%s_mean": {"n": %d, "mean": %s, "sd": %s}', session, n,
                            number(mean(score, na.rm = TRUE)), number(sd(score, na.rm = TRUE))))
  if (session == "b0") next
  known <- !is.na(score) & !is.na(b0)
  x <- sum(score[known] <= b0[known] / 2)
  for (level in c(0.95, 0.90)) {
    ci <- suppressWarnings(prop.test(x, sum(known), correct = FALSE, conf.level = level)$conf.int)
    parts <- c(parts, sprintf('"%s_response_%d": {"x": %d, "n": %d, "low": %s, "high": %s}', session,
                              round(100 * level), x, sum(known), number(ci[1]), number(ci[2])))
  }
}
cat("{\n  \"R\": \"", R.version$major, ".", R.version$minor, "\",\n  ", paste(parts, collapse = ",\n  "), "\n}\n", sep = "")
