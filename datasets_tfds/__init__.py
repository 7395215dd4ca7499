"""TFDS builders of micro-expression data sets, what they share (`layout`), and a corpus drawn for tests (`synthetic`)."""
