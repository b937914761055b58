"""Estimators on arrays: numpy and scipy only, no frames, no pictures."""
