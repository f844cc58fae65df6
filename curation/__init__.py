"""Bytes in, documents out: readers, features, rules, deduplication."""
