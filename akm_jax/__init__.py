"""Facial micro-expression recognition in JAX."""
