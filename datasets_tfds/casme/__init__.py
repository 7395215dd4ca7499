"""CASME, the Chinese Academy of Sciences Micro-Expression database (Yan et al. 2013)."""
