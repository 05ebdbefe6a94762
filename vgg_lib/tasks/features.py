"""A net as a fixed feature extractor (App. B): activations averaged over places and scales, L2-normalised."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, islice
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from vgg_lib.basics import machine
from vgg_lib.basics.errors import InputError, check_choice
from vgg_lib.basics.progress import bar
from vgg_lib.data.given import Picture, as_images
from vgg_lib.data.images import Images
from vgg_lib.data.photos import Photos
from vgg_lib.data.rescaling import LARGEST_SCALE, rescale
from vgg_lib.evaluation.posteriors import PIXELS_AT_ONCE, check_length, head_maps
from vgg_lib.networks.model import VGG

#: Pixels of photographs as they come that are put together: 50 MB of them.
ORIGINALS_AT_ONCE = 2**24

#: How the descriptors of several scales become one: their mean, or all of them one behind the other.
Combine = Literal["average", "stack"]


def layer_names(net: VGG) -> list[str]:
    """The layers whose activations are features, from the first to ``fc7``: all but the classifier ``fc8``."""
    return [spec.name for spec in net.specs][:-1]


def layer_maps(net: VGG, x: Tensor) -> Iterator[tuple[str, Tensor]]:
    """Name and activations ``(N, C, h, w)`` of each layer in turn, densely, behind its ReLU; of ``fc8``, the logits.

    ``x`` is preprocessed, ``(N, 3, H, W)``, H and W at least the net's crop. In the net the pool that ends a stage
    stands before the last ReLU of that stage, which gives the same values: here each convolution has its own behind it.
    """
    modules = (module for module in net.features if not isinstance(module, nn.ReLU))
    for spec in net.specs:
        if spec.layer is None:
            break
        x = next(modules)(x)
        if spec.layer.kind == "conv":
            x = (next(modules)(x) if net.batch_norm else x).relu_()
        yield spec.name, x
    yield from head_maps(net, x)


def features(
    net: VGG,
    images: Images | Photos | Picture | Sequence[Picture],
    layer: str = "fc7",
    *,
    scales: Sequence[int] | None = None,
    combine: Combine = "average",
    mirror: bool = True,
    progress: bool = False,
) -> Tensor:
    """Descriptors ``(N, D)`` of photographs, float32, each of length 1: :func:`features_of_layers` of one layer."""
    of_layers = features_of_layers(
        net, images, (layer,), scales=scales, combine=combine, mirror=mirror, progress=progress
    )
    return of_layers[layer]


@machine.full_float32()
@torch.inference_mode()
def features_of_layers(
    net: VGG,
    images: Images | Photos | Picture | Sequence[Picture],
    layers: Sequence[str],
    *,
    scales: Sequence[int] | None = None,
    combine: Combine = "average",
    mirror: bool = True,
    progress: bool = False,
) -> dict[str, Tensor]:
    """Descriptors of photographs as App. B makes them, for each of several layers at the cost of the last one.

    ``images`` are what :func:`~vgg_lib.data.given.as_images` takes. Each is rescaled isotropically to smallest
    side Q, the net is applied densely, and the layer's activations are averaged over space, then over the image and its
    mirror. Descriptors of several Q (``scales``; the net's crop alone where none are given) are averaged, or stacked,
    which keeps scales apart at the cost of a longer descriptor: the paper finds both alike on VOC, and stacking better
    on Caltech-101, whose objects fill their pictures. What results has length 1, but for a picture that no unit of the
    layer answers to, whose descriptor is 0. The result is ``(N, D)`` float32 on the CPU by layer, D the layer's
    channels, times the number of scales where they are stacked. The net's own preprocessing is applied, dropout is off.

    Raises :class:`InputError` for an unknown layer, no scale, one below the net's crop or above
    :data:`~vgg_lib.data.rescaling.LARGEST_SCALE`, an unknown way to combine, images that are not uint8 RGB, and one
    that is far longer than wide.
    """
    scales = (net.image_size,) if scales is None else tuple(scales)
    images, was_training, parts = as_images(images), net.training, []
    _check(net, images, layers, scales, combine)
    net.eval()
    try:
        with bar(len(images), "features", "photo", shown=progress, leave=False) as done:
            for part in torch.arange(len(images)).split(max(1, PIXELS_AT_ONCE // max(scales) ** 2)):
                for batch in _of_one_size(images.load(part)):
                    check_length(batch, max(scales))
                    parts.append(_descriptors(net, batch, layers, scales, combine, mirror))
                done.update(len(part))
    finally:
        net.train(was_training)
    return {layer: torch.cat([part[layer] for part in parts]) for layer in layers}


def _of_one_size(batches: Iterable[Tensor]) -> Iterator[Tensor]:
    """Images of one size that follow each other, together: files come one by one, and may all be alike, and large."""
    for shape, alike in groupby(batches, key=lambda batch: batch.shape[1:]):
        most = max(1, ORIGINALS_AT_ONCE // shape[1:].numel())
        while some := list(islice(alike, most)):
            yield torch.cat(some)


def _check(net: VGG, images: Images, layers: Sequence[str], scales: Sequence[int], combine: str) -> None:
    if not layers:
        raise InputError("no layer to take features of: name one or more, such as 'fc7'")
    for layer in layers:
        check_choice("layer", layer, layer_names(net))
    check_choice("way to combine scales", combine, ("average", "stack"))
    if not scales or min(scales) < net.image_size:
        raise InputError(
            f"scales are {tuple(scales)}, and network {net.name} takes images of {net.image_size} pixels or more: "
            f"choose one Q or several of {net.image_size} or more; smaller photographs are enlarged to it"
        )
    if max(scales) > LARGEST_SCALE:
        raise InputError(f"scale {max(scales)} is too large: choose {LARGEST_SCALE} pixels or fewer")
    if not len(images):
        raise InputError("there are no photographs to take features of: give one or more")


def _descriptors(
    net: VGG, images: Tensor, layers: Sequence[str], scales: Sequence[int], combine: Combine, mirror: bool
) -> dict[str, Tensor]:
    """Descriptors of images of one size, by layer."""
    device = next(net.parameters()).device
    of_scales: dict[str, list[Tensor]] = {layer: [] for layer in layers}
    for scale in scales:
        rescaled = rescale(images, scale).to(device)
        views = (rescaled, rescaled.flip(-1)) if mirror else (rescaled,)
        of_views = [_means(net, view, layers) for view in views]
        for layer in layers:
            of_scales[layer].append(torch.stack([means[layer] for means in of_views]).mean(0))
    joined = {
        layer: torch.cat(parts, 1) if combine == "stack" else torch.stack(parts).mean(0)
        for layer, parts in of_scales.items()
    }
    return {layer: functional.normalize(joined[layer]).float().cpu() for layer in layers}


def _means(net: VGG, images: Tensor, layers: Sequence[str]) -> dict[str, Tensor]:
    """Activations of images of one size, averaged over space: ``(N, C)`` by layer. Nothing behind the last is made."""
    means: dict[str, Tensor] = {}
    x = net.preprocessing(images).contiguous(memory_format=torch.channels_last)  # a third less time on processors
    for name, maps in layer_maps(net, x):
        if name in layers:
            means[name] = maps.mean((2, 3))
        if len(means) == len(set(layers)):
            break
    return means
