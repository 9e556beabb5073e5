"""Two unmaintained packages, mended where today's libraries break them.

``from helpers.compat import imgaug`` and ``from helpers.compat import flashtorch`` give the
packages themselves; each module's docstring names its mends. Nothing is touched before.
"""
