"""What `experiments.tables` does: the tables of the paper as data, the runs they need, their lines and their plan."""
