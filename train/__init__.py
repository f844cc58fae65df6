"""Packed rows in, weights out."""
