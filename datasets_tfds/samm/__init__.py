"""SAMM, spontaneous micro-facial movements (Davison et al. 2018)."""
