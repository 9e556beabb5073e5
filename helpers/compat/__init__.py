"""Mends for unmaintained packages that the notes use."""
