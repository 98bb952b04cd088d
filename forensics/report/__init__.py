"""The report: its model and the files it is written to."""
