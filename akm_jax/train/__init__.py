"""Training: the compiled step, one fold, all folds."""
