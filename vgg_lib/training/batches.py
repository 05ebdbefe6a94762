"""The batches of a training: which photographs each step takes, and what of them (§3.1)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from vgg_lib.basics import machine, seeds
from vgg_lib.data.augmentation import ColourShift, as_drawn, draw
from vgg_lib.data.photos import Photos, Statistics
from vgg_lib.training.parallel import Team
from vgg_lib.training.runs import Run


@dataclass(frozen=True)
class Batches:
    """The batches of one process of a training: ``share`` says which part of each batch is its own.

    The photographs that are left over at the end of an epoch, too few for a batch, wait for the next one.
    """

    run: Run
    photos: Photos
    colour: ColourShift | None
    size: int  #: photographs in a batch, over all processes
    share: slice

    @classmethod
    def of(cls, run: Run, photos: Photos, statistics: Statistics, team: Team) -> Batches:
        """The batches of ``photos``, which are decoded and rescaled in advance, once instead of once an epoch.

        Raises :class:`~vgg_lib.basics.errors.InputError` for a batch that leaves a process without an image.
        """
        size = min(run.preset.batch_size, len(photos))
        colour = ColourShift.from_covariance(statistics.covariance) if run.preset.colour_shift else None
        return cls(run, photos.prepared(run.scale), colour, size, team.share(size))

    @property
    def per_epoch(self) -> int:
        """Steps in an epoch."""
        return len(self.photos) // self.size

    @property
    def total(self) -> int:
        """Steps in all."""
        return self.per_epoch * self.run.preset.epochs

    def epoch(self, epoch: int, done: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
        """The batches of an epoch, counted from 0, behind the first ``done`` of them: crops and labels.

        Crops are float32 ``(n, 3, crop, crop)``, 0..255; labels ``(n,)``. Every process draws for all batches and for
        the whole of each, so that what is drawn depends neither on where the training went on nor on how many
        processes there are; it cuts its part alone.
        """
        preset, scale, images = self.run.preset, self.run.scale, self.photos.images
        random = seeds.generator(self.run.seed, f"epoch {epoch}")
        order = torch.randperm(len(self.photos), generator=random)[: self.per_epoch * self.size]
        resampled_in = machine.autocast_dtype(torch.device("cpu"), preset.precision)  # the processor makes the crops
        for number, indices in enumerate(order.view(-1, self.size)):
            drawn = draw(images.take(indices), scale, preset.crop, random, self.colour).part(self.share)
            if number >= done:
                mine = indices[self.share]
                crops = as_drawn(images.take(mine), drawn, scale, preset.crop, resampled_in)
                yield crops, self.photos.labels[mine]
