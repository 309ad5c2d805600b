"""Images: HC18, phantoms in its format, and image stacks. Light to import: no torch."""

from miua.data.folder import image_paths
from miua.data.hc18 import fetch_hc18, hc18_folder, subjects_of
from miua.data.phantom import write_phantoms
from miua.data.reading import Fit, ReadingOptions, parse_window
from miua.data.stack import ImageStack, Skipped, read_stack, subset

__all__ = [
    "Fit",
    "ImageStack",
    "ReadingOptions",
    "Skipped",
    "fetch_hc18",
    "hc18_folder",
    "image_paths",
    "parse_window",
    "read_stack",
    "subjects_of",
    "subset",
    "write_phantoms",
]
