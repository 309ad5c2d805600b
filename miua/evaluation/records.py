"""The tidy table's file: one row a set and metric; and the LBP vector's."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from miua.files import write_array, write_text
from miua.metrics.lbpv import LBPV_DIFFERENCES as LBPV_DIFFERENCES
from miua.metrics.records import COMPUTED as COMPUTED
from miua.metrics.records import MetricRecord as MetricRecord
from miua.metrics.registry import not_computed_records as not_computed_records

COLUMNS = tuple(field.name for field in fields(MetricRecord) if field.name != "resampled")


def row(record: MetricRecord) -> list[object]:
    """A record's values in the order of COLUMNS."""
    return [getattr(record, column) for column in COLUMNS]


def write_records(path: Path, records: Sequence[MetricRecord]) -> None:
    """Write records as CSV with a header, whole or not at all; None becomes an empty cell."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(map(row, records))
    write_text(path, text.getvalue())


def write_lbpv(path: Path, lbpv: NDArray[np.float64]) -> None:
    """Write an LBP vector (256,) as .npy, whole or not at all."""
    write_array(path, lbpv)
