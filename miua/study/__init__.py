"""The study as a whole: its plan, its steps, its results folder, and how all of it is run.

`plan` and `store` are what the steps themselves read; `steps` declares them; the rest drives them.
"""
