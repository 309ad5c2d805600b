"""Images: HC18, phantoms in its format, and image stacks. Light to import: no torch."""

from miua.data.hc18 import fetch_hc18, hc18_folder, subject_of, subjects_of
from miua.data.phantom import write_phantoms
from miua.data.stack import Fit, ImageStack, image_paths, read_stack, subset

__all__ = [
    "Fit",
    "ImageStack",
    "fetch_hc18",
    "hc18_folder",
    "image_paths",
    "read_stack",
    "subject_of",
    "subjects_of",
    "subset",
    "write_phantoms",
]
