"""The book's drawing language: one look, and one colour for each network, in every chapter."""

from vgg_lib.figures.style import COLOURS, use_style

__all__ = ["COLOURS", "use_style"]
