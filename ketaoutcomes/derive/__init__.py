"""Analysis sets: plain frames made from a cohort."""
