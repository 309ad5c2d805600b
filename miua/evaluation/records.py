"""One row of the tidy table: one set, one metric, one value with its interval; and its file."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from miua.files import write_array, write_text
from miua.metrics.measures import COMPUTED as COMPUTED
from miua.metrics.measures import LBPV_ELEMENTS, element_name

LBPV_DIFFERENCES = tuple(element_name(element) for element in range(LBPV_ELEMENTS))


@dataclass(frozen=True)
class MetricRecord:
    """One set, one metric, one value with its interval: a row of the tidy table.

    value: None where the status says "not computed: <reason and remedy>". low, high: the 95 %
    interval that the definition names, None where there is none. definition: what the value was
    computed from, in words.
    """

    set: str
    metric: str
    value: float | None
    low: float | None
    high: float | None
    unit: str
    n_reference: int
    n_synthetic: int
    definition: str
    status: str = COMPUTED


COLUMNS = tuple(field.name for field in fields(MetricRecord))


def not_computed_records(set_name: str, reason: str) -> list[MetricRecord]:
    """The study's records of a set that there is not, such as one whose training diverged.

    All of them say "not computed" and why; there are no images on either side.
    """
    units = {"mutual_information": "nats", "psnr": "dB", "fid": ""}
    units |= dict.fromkeys(LBPV_DIFFERENCES, "counts per image")
    units |= {"fd_lbp": "counts²", "diversity": ""}
    return [
        MetricRecord(set_name, metric, None, None, None, unit, 0, 0, "", f"not computed: {reason}")
        for metric, unit in units.items()
    ]


def write_records(path: Path, records: Sequence[MetricRecord]) -> None:
    """Write records as CSV with a header, whole or not at all; None becomes an empty cell."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(astuple(record) for record in records)
    write_text(path, text.getvalue())


def write_lbpv(path: Path, lbpv: NDArray[np.float64]) -> None:
    """Write an LBP vector (256,) as .npy, whole or not at all."""
    write_array(path, lbpv)
