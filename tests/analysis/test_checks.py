"""The checks of input that all analyses share."""

import numpy as np
import pytest

from miua.analysis.checks import check_count, finite_array, label_codes


def test_labels_are_told_apart_and_missing_ones_refused():
    labels, codes = label_codes("groups", ["b", "a", "b"], 3)
    assert labels == ("a", "b")
    assert codes.tolist() == [1, 0, 1]
    for missing in ([1.0, np.nan, 2.0], np.array(["a", None, "b"], dtype=object), ["a", "b"]):
        with pytest.raises(ValueError, match="groups must"):
            label_codes("groups", missing, 3)


def test_counts_are_whole_numbers():
    for wrong in (1.0, -1, None, "3"):
        with pytest.raises(ValueError, match="seed must"):
            check_count("seed", wrong, 0)
    with pytest.raises(ValueError, match="table must be finite"):
        finite_array("table", [[1.0, np.inf]], dimensions=2)
