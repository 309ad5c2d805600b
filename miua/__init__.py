"""miua: a study of synthetic fetal head ultrasound images, rerun, measured and judged."""


def __getattr__(name: str) -> str:
    """`miua.__version__`, looked up when asked for: it takes longer than the rest of the import."""
    if name == "__version__":
        from importlib.metadata import version

        return version("miua")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
