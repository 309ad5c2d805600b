"""Images: HC18, phantoms in its format, and image stacks. Light to import: no torch."""

from miua.data.folder import image_paths as image_paths
from miua.data.hc18 import fetch_hc18 as fetch_hc18
from miua.data.hc18 import hc18_folder as hc18_folder
from miua.data.hc18 import subjects_of as subjects_of
from miua.data.hc18_test import fetch_test_set as fetch_test_set
from miua.data.phantom import write_phantoms as write_phantoms
from miua.data.reading import Fit as Fit
from miua.data.reading import ReadingOptions as ReadingOptions
from miua.data.reading import parse_window as parse_window
from miua.data.stack import ImageStack as ImageStack
from miua.data.stack import Skipped as Skipped
from miua.data.stack import read_stack as read_stack
from miua.data.stack import subset as subset
