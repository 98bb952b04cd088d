"""The published datasets, one file each; `forensics.data.dataset` lists and reads them by file name."""
