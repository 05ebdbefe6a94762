"""What an archive and a reference manager are told of the book is the same, and is so."""

import json
from pathlib import Path

import yaml

from vgg_lib._version import __version__

ROOT = Path(__file__).parent.parent


def test_archive_and_citation_agree_with_each_other_and_with_the_library():
    archive = json.loads((ROOT / ".zenodo.json").read_text(encoding="utf-8"))
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    assert archive["title"] == citation["title"] == config["title"]
    assert archive["version"] == citation["version"] == __version__
    assert archive["license"] == citation["license"]
    assert archive["creators"] == citation["authors"]
    [paper] = citation["references"]
    [related] = archive["related_identifiers"]
    assert paper["url"].endswith(related["identifier"].removeprefix("arXiv:"))
