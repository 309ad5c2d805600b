"""Images: HC18, phantoms in its format, and image stacks. Light to import: no torch."""

from miua.data.folder import image_paths
from miua.data.groups import read_groups
from miua.data.hc18 import fetch_hc18, hc18_folder, subject_of, subjects_of
from miua.data.phantom import write_phantoms
from miua.data.reading import Fit, ReadingOptions, Resize, Window, parse_window
from miua.data.stack import ImageStack, Skipped, read_stack, subset

__all__ = [
    "Fit",
    "ImageStack",
    "ReadingOptions",
    "Resize",
    "Skipped",
    "Window",
    "fetch_hc18",
    "hc18_folder",
    "image_paths",
    "parse_window",
    "read_groups",
    "read_stack",
    "subject_of",
    "subjects_of",
    "subset",
    "write_phantoms",
]
