"""Errors that nobody measured, for every arm of every claim: what pages show when the records are whole."""

import math
import zlib

import numpy as np

from vgg_lib.evidence.arms import Arm


def imagine(monkeypatch, seeds=10, spread=0.3, missing=()):
    """Give each arm an error of its own, in percent, with that deviation between seeds; nan from ``seeds`` on.

    The same arm and seed have the same error wherever they are asked for. ``missing`` are seeds that nobody trained.
    """

    def error(arm, known, seed):
        if seed >= seeds or seed in missing:
            return math.nan
        mean = 14 + np.random.default_rng(zlib.crc32(str(arm).encode())).normal()
        return mean + np.random.default_rng(zlib.crc32(f"{arm} {seed}".encode())).normal(0, spread)

    monkeypatch.setattr(Arm, "error", error)
