"""Tables and figures of a paper on a cohort; one file per group of them."""
