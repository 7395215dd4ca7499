"""CAS(ME)^2, long videos with macro- and micro-expressions (Qu et al. 2018)."""
