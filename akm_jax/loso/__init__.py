"""Leave-one-subject-out: folds, run directory, resume, selection rules, results."""
