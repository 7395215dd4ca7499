"""CASME II, the improved Chinese Academy of Sciences Micro-Expression database (Yan et al. 2014)."""
