"""From a folder of tables to a checked, frozen cohort."""
