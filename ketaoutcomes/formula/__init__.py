"""A formula, ``score ~ day * route + (1 + day | patient_id)``, and a frame -> arrays and their names."""
