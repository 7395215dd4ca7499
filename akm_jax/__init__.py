"""Facial micro-expression recognition and spotting in JAX."""
