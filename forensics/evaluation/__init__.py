"""Evaluation of detectors on labelled datasets: the analyses, their figures of merit, tables and curves."""
