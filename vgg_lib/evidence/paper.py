"""The paper's numbers, as tables: what everything here is compared with."""

from __future__ import annotations

import json
from importlib.resources import files

import pandas as pd

from vgg_lib.basics.errors import check_choice


def table(number: int) -> pd.DataFrame:
    """Table 2, 3, 4, 5, 6, 8 or 11 of the paper; errors in percent, parameters in millions.

    Raises :class:`~vgg_lib.basics.errors.InputError` for another number.

    >>> int(table(2).set_index("network")["parameters"]["D"])
    138
    """
    tables = json.loads((files("vgg_lib.evidence") / "paper.json").read_text(encoding="utf-8"))["tables"]
    check_choice("table of the paper", str(number), tables)
    chosen = tables[str(number)]
    return pd.DataFrame(chosen["rows"], columns=chosen["columns"])
