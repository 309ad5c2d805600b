"""Synthetic images against real ones: `miua.evaluate` and what it consists of.

Read in the order it happens: reading (files to stacks), comparison (what metrics share), measure
and features (every metric), floor, copies, ranking, cautions,
preprocessing_sensitivity; evaluate joins them into the Evaluation of result, which page shows as
HTML.
"""
