"""Bytes of a C type as Python values, and back."""
