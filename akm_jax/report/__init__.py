"""The report of a run: one self-contained HTML page, drawn from the files of the run directory."""
