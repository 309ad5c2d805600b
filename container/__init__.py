"""Builds the container image and tries it: `nox -s image`, `python -m container`.

It runs in the environment that holds nox, and so on the standard library alone.
"""
