"""Training a DCGAN: one loop for every size and every variant of the study.

To read in this order: `draws` (every random number), `adversaries` (the two networks with their
optimisers), `updates` (one of each), `loop` (epochs, from a run folder to a finished run),
`run_folder` (what a run keeps), `signs` (of instability).
"""
