"""Answers by somebody who saw only the statements of the exercises, not their checks.

At least three right and six wrong ones for each exercise. What a comment would say stands in the
name of the answer.
"""
