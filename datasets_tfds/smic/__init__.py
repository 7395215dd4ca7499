"""SMIC, the Spontaneous Micro-expression Corpus (Li et al. 2013)."""
