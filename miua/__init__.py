"""miua: a study of synthetic fetal head ultrasound images, rerun, measured and judged."""

from importlib.metadata import version

__version__ = version("miua")
