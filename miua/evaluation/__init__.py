"""Synthetic images against real ones: `miua.evaluate` and what it consists of.

Read in the order it happens: image_sets (files to stacks), measure (every metric), floor, ranking,
cautions, preprocessing_sensitivity. evaluate joins them into the Evaluation of result, which
miua.pages shows as HTML.
"""
