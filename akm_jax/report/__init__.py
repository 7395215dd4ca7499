"""Reports: self-contained HTML pages of a run, drawn from the files of its directory, and of tables of runs."""
