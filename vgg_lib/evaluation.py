"""Testing as the paper tests (§3.2, §4): dense or crops, at one scale or several, one net or several.

A protocol is data; :func:`posteriors` is the one call.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from vgg_lib.decoded import DecodedPhotos
from vgg_lib.errors import InputError
from vgg_lib.geometry import layer_costs
from vgg_lib.networks import VGG, specify
from vgg_lib.photos import PhotoFiles
from vgg_lib.presets import Scale, middle
from vgg_lib.progress import bar
from vgg_lib.rescaling import rescale, rescaled_size

#: Pixels that go through a network at once while testing: bounds the memory, whatever the images.
PIXELS_AT_ONCE = 128 * 64 * 64


@dataclass(frozen=True, slots=True)
class Protocol:
    """How a photograph becomes class posteriors.

    ``scales`` are the test scales Q in pixels, each image being rescaled isotropically to smallest side Q.
    ``dense`` applies the net to the whole image (§3.2); ``grid=5`` to a 5×5 regular grid of crops (§4.3);
    both together average the two. ``mirror`` averages with the mirrored image.

    Raises :class:`InputError` for no scale, a scale under 1, or neither dense nor a grid.
    """

    scales: tuple[int, ...]
    dense: bool = True
    grid: int | None = None
    mirror: bool = True

    def __str__(self) -> str:
        """Such as ``dense and 5×5 crops at Q = 64, 73, 82, mirrored too``."""
        ways = ["dense"] * self.dense + ([f"{self.grid}×{self.grid} crops"] if self.grid else [])
        scales = ", ".join(map(str, self.scales))
        return f"{' and '.join(ways)} at Q = {scales}" + (", mirrored too" if self.mirror else "")

    def __post_init__(self) -> None:
        if not self.scales:
            raise InputError("a protocol needs at least one test scale Q: scales=(73,), say")
        if min(self.scales) < 1:
            raise InputError(f"test scale {min(self.scales)} is not a size in pixels: choose the crop's size or more")
        if self.grid is not None and self.grid < 1:
            raise InputError(f"a grid of {self.grid} has no crops: choose 1 or more, or None")
        if not self.dense and self.grid is None:
            raise InputError("a protocol is dense, has a grid of crops, or both: this one has neither")


def scales_for(scale: Scale, crop: int = 224) -> tuple[int, ...]:
    """The paper's several test scales for a training scale S (§4.2): S − 32, S, S + 32, or S's ends and middle.

    The 32 pixels belong to a crop of 224 and shrink with it; no scale is below the crop.

    >>> scales_for(256), scales_for((256, 512)), scales_for(73, crop=64)
    ((224, 256, 288), (256, 384, 512), (64, 73, 82))
    """
    if isinstance(scale, int):
        step = round(32 * crop / 224)
        return tuple(dict.fromkeys((max(crop, scale - step), scale, scale + step)))
    return (scale[0], middle(scale), scale[1])


def protocols_for(scale: Scale, crop: int) -> dict[str, Protocol]:
    """The ways of testing that the paper compares, for nets trained at S: by the name that figures and tables use."""
    one = (middle(scale),)
    several = scales_for(scale, crop)
    return {
        "centre crop": Protocol(one, dense=False, grid=1, mirror=False),
        "dense, no mirror": Protocol(one, mirror=False),
        "dense": Protocol(one),
        "dense, 3 scales": Protocol(several),
        "50 crops": Protocol(one, dense=False, grid=5),
        "150 crops, 3 scales": Protocol(several, dense=False, grid=5),
        "both": Protocol(one, grid=5),
        "both, 3 scales": Protocol(several, grid=5),
    }


def places(net: VGG, side: int) -> int:
    """Scores along one side of the map that a net makes densely of a square image of ``side`` pixels."""
    return _map_side(net, side) - _map_side(net, net.image_size) + 1


def _map_side(net: VGG, side: int) -> int:
    specs = specify(net.network, num_classes=net.num_classes, image_size=side, width=net.width)
    return [spec.out_size for spec in specs if spec.layer is not None][-1]


def protocol_macs(net: VGG, protocol: Protocol) -> int:
    """Multiply-adds that a protocol spends on one square photograph, with one net."""
    maps, head = _macs(net, net.image_size)
    total = 0
    for side in protocol.scales:
        if protocol.dense:
            total += _macs(net, side)[0] + head * places(net, side) ** 2
        if protocol.grid is not None:
            total += (maps + head) * protocol.grid**2
    return total * (2 if protocol.mirror else 1)


def _macs(net: VGG, side: int) -> tuple[int, int]:
    """Multiply-adds on feature maps, and in the fully connected layers, for a square image of that side."""
    costs = layer_costs(net.network, num_classes=net.num_classes, image_size=side, width=net.width)
    head = sum(cost.macs for cost in costs if cost.kind == "fc")
    return sum(cost.macs for cost in costs) - head, head


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
    maps = net.features(x)
    layers = net.weight_layers()
    side = int((layers["fc6"].weight.shape[1] / maps.shape[1]) ** 0.5)
    for name in ("fc6", "fc7", "fc8"):
        weight = layers[name].weight
        kernel = weight.view(len(weight), -1, side, side) if name == "fc6" else weight[:, :, None, None]
        maps = functional.conv2d(maps, kernel, layers[name].bias)
        if name != "fc8":
            maps = functional.dropout(maps.relu(), net.dropout, net.training)
    return maps


def crop_places(size: int, crop: int, grid: int) -> list[int]:
    """Where ``grid`` crops start along a side of ``size`` pixels: evenly spread, edge to edge (§4.3).

    >>> crop_places(256, 224, 5)
    [0, 8, 16, 24, 32]
    """
    if grid == 1:
        return [(size - crop) // 2]
    return [round(i * (size - crop) / (grid - 1)) for i in range(grid)]


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


@torch.inference_mode()
def posteriors(
    nets: VGG | Sequence[VGG],
    images: Tensor | PhotoFiles | DecodedPhotos | Sequence[Tensor],
    protocol: Protocol,
    *,
    progress: bool = False,
) -> Tensor:
    """Class posteriors ``(N, classes)`` of photographs under a protocol, float32 on the CPU.

    ``nets`` is one net, or several to fuse by averaging their posteriors (§4.4); ``images`` are uint8 RGB:
    a tensor ``(N, 3, H, W)`` or a sequence of ``(3, H, W)`` of any sizes. Each net's own preprocessing is
    applied, and dropout is off.

    Raises :class:`InputError` for no net, nets of different classes, or a scale below a net's crop.
    """
    fused = [nets] if isinstance(nets, VGG) else list(nets)
    if not fused:
        raise InputError("no net to test with: give one or more")
    if len({net.num_classes for net in fused}) > 1:
        raise InputError(f"nets to fuse differ in classes: {[net.num_classes for net in fused]}; give nets of one task")
    for net in fused:
        if min(protocol.scales) < net.image_size:
            raise InputError(
                f"test scale {min(protocol.scales)} is below the crop of {net.image_size} pixels that network "
                f"{net.name} takes: choose Q of {net.image_size} or more"
            )
    training = [net.training for net in fused]
    for net in fused:
        net.eval()
    try:
        largest = max(protocol.scales)
        area = largest**2
        size = images.shape[-2:] if isinstance(images, Tensor) else getattr(images, "size", None)
        if size is not None:  # images of many sizes go one by one
            height, width = rescaled_size(size[0], size[1], largest)
            area = height * width
        at_once = max(1, PIXELS_AT_ONCE // area)
        out: list[Tensor] = []
        with bar(len(images), "testing", "photo", shown=progress, leave=False) as tested:
            for part in range(0, len(images), at_once):
                batch = _part(images, part, at_once)
                groups = [batch] if isinstance(batch, Tensor) else [image[None] for image in batch]
                out += [_under(fused, group, protocol) for group in groups]
                tested.update(len(batch))
        return torch.cat(out) if out else torch.zeros(0, fused[0].num_classes)
    finally:
        for net, was in zip(fused, training, strict=True):
            net.train(was)


def _part(
    images: Tensor | PhotoFiles | DecodedPhotos | Sequence[Tensor], start: int, count: int
) -> Tensor | list[Tensor]:
    if isinstance(images, PhotoFiles | DecodedPhotos):
        return images[torch.arange(start, min(start + count, len(images)))]
    part = images[start : start + count]
    return part if isinstance(part, Tensor) else list(part)


def _under(nets: Sequence[VGG], images: Tensor, protocol: Protocol) -> Tensor:
    """Average over nets, scales and mirror images of photographs of one size."""
    device = next(nets[0].parameters()).device
    total = []
    for scale in protocol.scales:
        rescaled = rescale(images.to(device), scale)
        for view in (rescaled, rescaled.flip(-1)) if protocol.mirror else (rescaled,):
            total += [_one_way(net, view, protocol) for net in nets]
    return torch.stack(total).mean(0).float().cpu()


def top_errors(scores: Tensor, labels: Tensor) -> dict[str, float]:
    """Top-1 error in percent, and top-5 where there are at least 20 classes to make it mean something.

    ``scores`` is ``(N, classes)``, ``labels`` ``(N,)``.

    >>> top_errors(torch.eye(4), torch.tensor([0, 1, 2, 0]))
    {'top1': 25.0}
    """
    ranks = (1, 5) if scores.shape[1] >= 20 else (1,)
    best = scores.topk(max(ranks), dim=1).indices == labels[:, None]
    return {f"top{k}": round(100 * float(1 - best[:, :k].any(1).float().mean()), 4) for k in ranks}
