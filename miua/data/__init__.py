"""Images: HC18, phantoms in its format, and image stacks. Light to import: no torch."""

from miua.data.stack import Fit, ImageStack, image_paths, read_stack, subset

__all__ = ["Fit", "ImageStack", "image_paths", "read_stack", "subset"]
