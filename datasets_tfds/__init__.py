"""TFDS builders of micro-expression data sets, what they share, and a corpus drawn for tests (`synthetic`)."""
