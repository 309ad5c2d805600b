"""What a training needs to go on: saved often, thinned, and found again after any interruption."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from miua.checkpoint import (
    DamagedError,
    Position,
    load_checkpoint,
    remove_checkpoint,
    remove_unfinished_checkpoints,
    save_checkpoint,
    saved_epochs,
    saved_positions,
)
from miua.config import TrainingConfig
from miua.files import remove_partial_files
from miua.progress import say
from miua.training.adversaries import Adversaries, with_prefix
from miua.training.run_folder import LOG, rewrite_logs
from miua.training.steps import EpochSums

START = Position(0)
KEPT_BEHIND = 2  # the newest checkpoints that stay, should one be damaged


@dataclass
class State:
    """Where a training stands.

    history: the lines of the log so far. sums: of the epoch that has begun. What else an epoch
    needs, its order and every random number, follows from the seed (`miua.training.draws`).
    """

    networks: Adversaries
    sums: EpochSums
    position: Position = START
    history: list[dict[str, Any]] = field(default_factory=list)


def save(run: Path, config: TrainingConfig, state: State) -> None:
    """Save the state, then thin: keep the asked epochs and the newest two checkpoints."""
    tensors = state.networks.tensors()
    if state.position.batch:
        tensors |= {f"sums.{name}": tensor for name, tensor in state.sums.tensors().items()}
    # Without the epochs, which are no part of what the training is: a run can be extended.
    facts = {"config": config.model_dump(exclude={"epochs"}), "history": state.history}
    save_checkpoint(run, state.position, tensors, facts)
    thin(run, config, KEPT_BEHIND)


def thin(run: Path, config: TrainingConfig, behind: int) -> None:
    """Remove all checkpoints but those of asked epochs and the newest `behind`."""
    positions = saved_positions(run)
    for old in positions[: max(0, len(positions) - behind)]:
        if old.batch or old.epoch not in config.epochs:
            remove_checkpoint(run, old)


def resume(run: Path, config: TrainingConfig, state: State) -> None:
    """Go to the newest checkpoint that no asked epoch is missing before.

    A damaged checkpoint counts as missing, and is removed. So are those after a missing one: the
    way to it leads through them again, to the same bytes.

    Raises:
        MiuaError: a checkpoint is of another training.
    """
    for folder in (run, run / "samples"):
        remove_partial_files(folder)
    remove_unfinished_checkpoints(run)
    _remove_damaged(run, config)
    last = config.epochs[-1]
    missing = [epoch for epoch in config.epochs if epoch not in saved_epochs(run)]
    goal = missing[0] if missing else last
    start = max(
        [place for place in saved_positions(run) if place < (goal, 0) or not missing],
        default=START,
    )
    _remove_ahead(run, start, goal)
    if start > START:
        tensors, facts = load_checkpoint(run, start, config)
        state.networks.load(tensors)
        if start.batch:
            state.sums.load(with_prefix(tensors, "sums."))
        state.position, state.history = start, facts["history"]
        if missing:
            say(f"{run}: going on after {start}.")
    elif (run / LOG).exists():
        say(f"{run}: there is no checkpoint yet; starting again.")
    rewrite_logs(run, state.history)


def _remove_damaged(run: Path, config: TrainingConfig) -> None:
    for position in saved_positions(run):
        try:
            load_checkpoint(run, position, config)
        except DamagedError as error:
            say(f"{error} Falling back to the checkpoint before it.")
            remove_checkpoint(run, position)


def _remove_ahead(run: Path, start: Position, goal: int) -> None:
    """Nothing may lie ahead of where the training stands: it would be taken for finished work."""
    ahead = [position for position in saved_positions(run) if position > start]
    for position in ahead:
        remove_checkpoint(run, position)
    if ahead:
        again = ", ".join(str(position) for position in ahead)
        say(f"{run}: epoch {goal} is not there; made again with it: {again}.")
