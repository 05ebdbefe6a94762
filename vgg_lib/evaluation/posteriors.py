"""Testing as the paper tests (§3.2, §4): dense or crops, at one scale or several, one net or several.

A protocol is data; :func:`posteriors` is the one call.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from vgg_lib.basics import machine
from vgg_lib.basics.errors import InputError
from vgg_lib.basics.progress import bar
from vgg_lib.data.given import Picture, as_images
from vgg_lib.data.images import Images
from vgg_lib.data.photos import Photos
from vgg_lib.data.rescaling import rescale, rescaled_size
from vgg_lib.evaluation.protocols import Protocol, crop_places
from vgg_lib.networks.model import VGG

#: Pixels that go through a network at once while testing. Photographs in files are decoded on the way, a few at a time.
PIXELS_AT_ONCE = 128 * 64 * 64

#: How many times as long as wide an image may be: rescaled to a smallest side, a strip becomes a road.
LONGEST = 30


def score_map(net: VGG, x: Tensor) -> Tensor:
    """The net applied densely (§3.2): its FC layers as convolutions, first k×k, then 1×1, sharing their weights.

    ``x`` is preprocessed, ``(N, 3, H, W)``, H and W at least the net's crop; the result is a map of logits
    ``(N, num_classes, h, w)``, 1×1 at the crop's own size. Raises :class:`InputError` for a smaller image.
    """
    if min(x.shape[-2:]) < net.image_size:
        raise InputError(
            f"an image of {x.shape[-2]}×{x.shape[-1]} pixels is smaller than the net's crop of {net.image_size}: "
            f"rescale it to a smallest side of {net.image_size} or more"
        )
    *_, (_, scores) = head_maps(net, net.features(x))
    return scores


def head_maps(net: VGG, maps: Tensor) -> Iterator[tuple[str, Tensor]]:
    """The FC layers as convolutions on the last feature maps: name and output of each, behind its ReLU but for fc8."""
    layers = net.weight_layers()
    side = int((layers["fc6"].weight.shape[1] / maps.shape[1]) ** 0.5)
    for name in ("fc6", "fc7", "fc8"):
        weight = layers[name].weight
        kernel = weight.view(len(weight), -1, side, side) if name == "fc6" else weight[:, :, None, None]
        maps = functional.conv2d(maps, kernel, layers[name].bias)
        if name != "fc8":
            maps = functional.dropout(maps.relu(), net.dropout, net.training)
        yield name, maps


def _one_way(net: VGG, images: Tensor, protocol: Protocol) -> Tensor:
    """Posteriors of images ``(N, 3, H, W)`` already at their test scale, mirrored or not: ``(N, classes)``."""
    ways = []
    if protocol.dense:
        ways.append(score_map(net, net.preprocessing(images)).mean((2, 3)).softmax(1))
    if protocol.grid is not None:
        c = net.image_size
        places = [crop_places(side, c, protocol.grid) for side in images.shape[-2:]]
        crops = torch.stack([images[:, :, t : t + c, s : s + c] for t in places[0] for s in places[1]], dim=1)
        at_once = max(1, PIXELS_AT_ONCE // c**2)
        flat = [net.posteriors(net.preprocessing(part)) for part in crops.flatten(0, 1).split(at_once)]
        ways.append(torch.cat(flat).view(len(images), -1, net.num_classes).mean(1))
    return torch.stack(ways).mean(0)


@machine.full_float32()
@torch.inference_mode()
def posteriors(
    nets: nn.Module | Sequence[nn.Module],
    images: Images | Photos | Picture | Sequence[Picture],
    protocol: Protocol,
    *,
    progress: bool = False,
) -> Tensor:
    """Class posteriors ``(N, classes)`` of photographs under a protocol, float32 on the CPU.

    ``nets`` is one net, or several to fuse by averaging their posteriors (§4.4); compiled or data-parallel ones are
    used as they were before they were wrapped. ``images`` are uint8 RGB: a tensor ``(N, 3, H, W)``, or one picture or
    several of any sizes, as :func:`~vgg_lib.data.given.as_images` takes them. Each net's own preprocessing is applied,
    and dropout is off.

    Raises :class:`InputError` for no net, one that is not of this library or not in float32, nets of different classes,
    what is no protocol, a scale below a net's crop, images that are not uint8 RGB, and one that is far longer than
    wide.
    """
    if not isinstance(protocol, Protocol):
        raise InputError(f"the protocol is {protocol!r}: give a Protocol, such as Protocol(256)")
    fused = _fused(nets, protocol)
    images = as_images(images)
    training = [net.training for net in fused]
    for net in fused:
        net.eval()
    try:
        largest = max(protocol.scales)
        area = largest**2
        if images.size is not None:  # images of many sizes go one by one
            height, width = rescaled_size(*images.size, largest)
            area = height * width
        at_once = max(1, PIXELS_AT_ONCE // area)
        out: list[Tensor] = []
        with bar(len(images), "testing", "photo", shown=progress, leave=False) as tested:
            for part in torch.arange(len(images)).split(at_once):
                out += [_under(fused, batch, protocol) for batch in images.load(part)]
                tested.update(len(part))
        return torch.cat(out) if out else torch.zeros(0, fused[0].num_classes)
    finally:
        for net, was in zip(fused, training, strict=True):
            net.train(was)


def _fused(nets: nn.Module | Sequence[nn.Module], protocol: Protocol) -> list[VGG]:
    """The nets to average, out of their wrappings, that can be tested together under the protocol."""
    given = list(nets) if isinstance(nets, Sequence) and not isinstance(nets, str) else [nets]
    if not given:
        raise InputError("no net to test with: give one or more")
    fused: list[VGG] = []
    for wrapped in given:
        net = getattr(wrapped, "_orig_mod", getattr(wrapped, "module", wrapped))
        if not isinstance(net, VGG):
            raise InputError(
                f"the net is of type {type(net).__name__} and none of this library: `load_published` takes the weights "
                "of VGG networks from elsewhere"
            )
        dtypes = {parameter.dtype for parameter in net.parameters()} - {torch.float32}
        if dtypes:
            raise InputError(f"the net's weights are {dtypes.pop()}, and testing computes in float32: use net.float()")
        if min(protocol.scales) < net.image_size:
            raise InputError(
                f"test scale {min(protocol.scales)} is below the crop of {net.image_size} pixels that network "
                f"{net.name} takes: choose Q of {net.image_size} or more"
            )
        fused.append(net)
    if len({net.num_classes for net in fused}) > 1:
        raise InputError(f"nets to fuse differ in classes: {[net.num_classes for net in fused]}; give nets of one task")
    return fused


def check_length(images: Tensor, scale: int) -> None:
    """Refuse images of one size, ``(N, 3, H, W)``, that are strips, huge at a smallest side of ``scale`` pixels."""
    height, width = images.shape[-2:]
    if max(height, width) > LONGEST * min(height, width):
        raise InputError(
            f"an image of {height}×{width} pixels is more than {LONGEST} times as long as wide, and would be huge at "
            f"Q = {scale}: crop it"
        )


def _under(nets: Sequence[VGG], images: Tensor, protocol: Protocol) -> Tensor:
    """Average over nets, scales and mirror images of photographs of one size."""
    check_length(images, max(protocol.scales))
    devices = [next(net.parameters()).device for net in nets]  # which may differ
    total = []
    for scale in protocol.scales:
        rescaled = rescale(images, scale)
        for view in (rescaled, rescaled.flip(-1)) if protocol.mirror else (rescaled,):
            total += [_one_way(net, view.to(device), protocol).cpu() for net, device in zip(nets, devices, strict=True)]
    return torch.stack(total).mean(0).float()


def top_errors(scores: Tensor, labels: Tensor) -> dict[str, float]:
    """Top-1 error in percent, and top-5 where there are at least 20 classes to make it mean something.

    ``scores`` is ``(N, classes)``, ``labels`` ``(N,)``. Classes of the same score are in no particular order, and need
    not be in the one that ``argmax`` has them in.

    >>> top_errors(torch.eye(4), torch.tensor([0, 1, 2, 0]))
    {'top1': 25.0}
    """
    ranks = (1, 5) if scores.shape[1] >= 20 else (1,)
    best = scores.topk(max(ranks), dim=1).indices == labels[:, None]
    return {f"top{k}": round(100 * float(1 - best[:, :k].any(1).float().mean()), 4) for k in ranks}
