"""Whether a results folder is what it says: recomputed, and compared with what is expected."""
