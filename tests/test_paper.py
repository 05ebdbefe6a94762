"""The paper's tables, copied a second time from the paper (arXiv:1409.1556v6) to catch a slip of the first."""

import pytest

from vgg_lib.basics.errors import InputError
from vgg_lib.evidence.paper import table

# top-1 and top-5 errors in percent, by network and training scale
TABLE_3 = {
    ("A", "256"): (29.6, 10.4),
    ("A-LRN", "256"): (29.7, 10.5),
    ("B", "256"): (28.7, 9.9),
    ("C", "256"): (28.1, 9.4),
    ("C", "384"): (28.1, 9.3),
    ("C", "[256;512]"): (27.3, 8.8),
    ("D", "256"): (27.0, 8.8),
    ("D", "384"): (26.8, 8.7),
    ("D", "[256;512]"): (25.6, 8.1),
    ("E", "256"): (27.3, 9.0),
    ("E", "384"): (26.9, 8.7),
    ("E", "[256;512]"): (25.5, 8.0),
}
TABLE_4 = {
    ("B", "256"): (28.2, 9.6),
    ("C", "256"): (27.7, 9.2),
    ("C", "384"): (27.8, 9.2),
    ("C", "[256;512]"): (26.3, 8.2),
    ("D", "256"): (26.6, 8.6),
    ("D", "384"): (26.5, 8.6),
    ("D", "[256;512]"): (24.8, 7.5),
    ("E", "256"): (26.9, 8.7),
    ("E", "384"): (26.7, 8.6),
    ("E", "[256;512]"): (24.8, 7.5),
}
TABLE_5 = {
    ("D", "dense"): (24.8, 7.5),
    ("D", "multi-crop"): (24.6, 7.5),
    ("D", "both"): (24.4, 7.2),
    ("E", "dense"): (24.8, 7.5),
    ("E", "multi-crop"): (24.6, 7.4),
    ("E", "both"): (24.4, 7.1),
}


@pytest.mark.parametrize(
    ("number", "by", "expected"),
    [(3, ["network", "S"], TABLE_3), (4, ["network", "S"], TABLE_4), (5, ["network", "method"], TABLE_5)],
)
def test_errors_are_the_papers(number, by, expected):
    errors = table(number).set_index(by)[["top1", "top5"]]
    assert dict(zip(errors.index, errors.itertuples(index=False, name=None), strict=True)) == expected


def test_sizes_are_the_papers():  # Table 2
    sizes = table(2).set_index("network")["parameters"]
    assert sizes.to_dict() == {"A": 133, "A-LRN": 133, "B": 133, "C": 134, "D": 138, "E": 144}


@pytest.mark.parametrize(
    ("scale", "q"), [("256", [224, 256, 288]), ("384", [352, 384, 416]), ("[256;512]", [256, 384, 512])]
)
def test_several_test_scales_are_those_around_the_training_scale(scale, q):  # §4.2
    rows = table(4)
    assert list(rows[rows["S"] == scale]["Q"]) == [q] * (rows["S"] == scale).sum()


def test_fused_nets_have_the_papers_errors():  # Table 6, top-1
    assert table(6)["top1"].tolist() == [24.7, 24.0, 23.9, 23.7]


def test_localisation_has_the_papers_errors():  # Table 8
    assert table(8)["error"].tolist() == [36.4, 34.3, 33.1]


def test_transfer_has_the_papers_precision():  # Table 11
    assert table(11)["VOC-2007 mAP"].tolist() == [89.3, 89.3, 89.7]


def test_a_table_that_is_not_there_is_refused():
    with pytest.raises(InputError, match="unknown table of the paper '1': choose from 2, 3"):
        table(1)
