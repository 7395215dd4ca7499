"""SAMM Long Videos, with macro- and micro-expressions (Yap et al. 2020)."""
