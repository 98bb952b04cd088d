"""The detectors, one file each; `forensics.detector` lists and loads them by file name."""
