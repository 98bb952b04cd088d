"""Calibration: from scores to likelihood ratios on material like that of the labelled videos."""
