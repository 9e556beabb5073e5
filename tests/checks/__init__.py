"""Answers to the exercises, and what is asked of their number."""

FEWEST_RIGHT, FEWEST_WRONG, FEWEST_HINTS = 3, 8, 4
