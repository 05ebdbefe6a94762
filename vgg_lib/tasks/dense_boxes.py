"""The box net applied to a whole picture (App. A.1): a box from every place, rated by the classifier."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from vgg_lib.basics import machine
from vgg_lib.basics.errors import InputError
from vgg_lib.data.rescaling import Crops, rescale
from vgg_lib.evaluation.posteriors import score_map
from vgg_lib.networks.model import VGG
from vgg_lib.tasks.boxes import boxes_in_pictures, decode
from vgg_lib.tasks.localisation import boxes_of_class


@machine.full_float32()
@torch.inference_mode()
def dense_boxes(net: VGG, classifier: VGG, image: Tensor, label: int, scale: int) -> tuple[Tensor, Tensor]:
    """Boxes ``(n, 4)`` of class ``label`` in the picture's pixels, one from each place, and the class's probabilities.

    ``image`` is uint8 ``(3, H, W)``, rescaled isotropically to smallest side Q = ``scale``. Both nets are applied
    densely, so that every place of their maps sees a window of the crop's size: the box net says where the thing is
    in it, the classifier how likely it is there. :func:`~vgg_lib.tasks.boxes.merge` makes the prediction of them.

    Raises :class:`InputError` for Q below the crop, a label that is no class, and nets of different crops.
    """
    if not 0 <= label < classifier.num_classes:
        raise InputError(f"class {label} is none of the classifier's {classifier.num_classes}: count from 0")
    if net.image_size != classifier.image_size:
        raise InputError(
            f"the box net takes crops of {net.image_size} pixels and the classifier of {classifier.image_size}: "
            "give the classifier that the box net was made from"
        )
    x = rescale(image, scale)[None].to(next(net.parameters()).device)
    found = score_map(net, net.preprocessing(x))[0].flatten(1).T.float().cpu()
    likely = score_map(classifier, classifier.preprocessing(x)).softmax(1)[0, label].float().cpu()
    rows, columns = torch.meshgrid(*(torch.arange(side) for side in likely.shape), indexing="ij")
    stride, count = _stride(net), len(found)
    windows = Crops(
        torch.full((count,), scale),
        rows.flatten() * stride,
        columns.flatten() * stride,
        torch.zeros(count, dtype=torch.bool),
    )
    boxes = decode(boxes_of_class(found, torch.full((count,), label)), net.image_size)
    sizes = torch.tensor([image.shape[-2:]]).expand(count, 2)
    return boxes_in_pictures(boxes, sizes, windows, net.image_size), likely.flatten()


def _stride(net: VGG) -> int:
    """Pixels from one place of the score map to the next."""
    return math.prod(spec.layer.stride for spec in net.specs if spec.layer is not None)
