"""The analyses: functions of a cohort that return a result."""
