"""Whether a result that was read back from its folder is the one that was written."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
import pandas as pd

from gclust.study.schema import Study
from gclust.study.write_toml import study_toml


def assert_same_result(again: Any, written: Any) -> None:
    """Compare two results field by field, tables and arrays to the bit."""
    assert type(again) is type(written)
    for each in fields(written):
        one, two = getattr(again, each.name), getattr(written, each.name)
        if isinstance(two, pd.DataFrame):
            pd.testing.assert_frame_equal(one, two, check_exact=True)
        elif isinstance(two, np.ndarray):
            assert one.dtype == two.dtype, each.name
            np.testing.assert_array_equal(one, two)
        elif isinstance(two, Study):
            assert study_toml(one, written.path) == study_toml(two, written.path)
        else:
            assert one == two, each.name
