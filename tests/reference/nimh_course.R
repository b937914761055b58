# Course of MADRS in the NIMH ketamine trial (OpenNeuro ds005917, CC0), MDD only: mixed model, marginal means.
# Run in this folder: Rscript nimh_course.R [FOLDER_OF_THE_DATA_SET] > nimh_course.json
# Needs lme4, pbkrtest, emmeans.
folder <- commandArgs(trailingOnly = TRUE)[1]
if (is.na(folder)) folder <- file.path("..", "..", "..", "shared", "data", "nimh_ketamine_moa_ds005917")
if (!dir.exists(folder)) {
  message("The open data set is not beside this checkout; nimh_course.json stays as it is.")
  quit(save = "no", status = 0)
}
suppressMessages({library(lme4); library(emmeans)})
read <- function(name) read.delim(file.path(folder, name), na.strings = "n/a", stringsAsFactors = FALSE)
people <- read("participants.tsv")
seen <- read("phenotype.tsv")
seen <- seen[seen$participant_id %in% people$participant_id[people$group == "MDD"], ]
seen$day <- factor(sub("ses-", "", seen$session_id), levels = c("b0", "d2", "d10"))
seen <- seen[!is.na(seen$MADRS_Total) & !is.na(seen$day), ]
seen$after <- as.numeric(seen$day != "b0")
fit <- suppressMessages(lmer(MADRS_Total ~ day + (1 + after | participant_id), seen))
means <- as.data.frame(emmeans(fit, "day", lmer.df = "kenward-roger"))
number <- function(x) paste(formatC(x, digits = 10, format = "g"), collapse = ", ")
cat("{\n  \"R\": \"", R.version$major, ".", R.version$minor, "\",\n",
    "  \"lme4\": \"", as.character(packageVersion("lme4")), "\",\n",
    "  \"emmeans\": \"", as.character(packageVersion("emmeans")), "\",\n",
    "  \"singular\": ", tolower(isSingular(fit)), ",\n",
    "  \"emmean\": [", number(means$emmean), "],\n",
    "  \"df\": [", number(means$df), "],\n",
    "  \"low\": [", number(means$lower.CL), "],\n",
    "  \"high\": [", number(means$upper.CL), "]\n}\n", sep = "")
