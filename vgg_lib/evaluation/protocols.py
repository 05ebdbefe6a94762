"""How the paper tests (§3.2, §4), as data: dense or crops, at one scale or several."""

from __future__ import annotations

from dataclasses import dataclass

from vgg_lib.basics.errors import InputError
from vgg_lib.basics.fields import check_fields
from vgg_lib.data.rescaling import LARGEST_SCALE, Scale, middle
from vgg_lib.networks.geometry import layer_costs
from vgg_lib.networks.model import VGG
from vgg_lib.networks.specification import specify

#: Crops along each side at most: the paper has 5, and the thousand of this are in memory together.
LARGEST_GRID = 32


@dataclass(frozen=True, slots=True)
class Protocol:
    """How a photograph becomes class posteriors.

    ``scales`` are the test scales Q in pixels, each image being rescaled isotropically to smallest side Q.
    ``dense`` applies the net to the whole image (§3.2); ``grid=5`` to a 5×5 regular grid of crops (§4.3);
    both together average the two. ``mirror`` averages with the mirrored image.

    Raises :class:`InputError` for no scale, a scale under 1 or above :data:`~vgg_lib.data.rescaling.LARGEST_SCALE`, a
    grid under 1 or above :data:`LARGEST_GRID`, or neither dense nor a grid.
    """

    scales: tuple[int, ...]
    dense: bool = True
    grid: int | None = None
    mirror: bool = True

    def __str__(self) -> str:
        """Such as ``dense and 5×5 crops at Q = 64, 73, 82, mirrored too``."""
        crops = "centre crop" if self.grid == 1 else f"{self.grid}×{self.grid} crops"
        ways = ["dense"] * self.dense + [crops] * bool(self.grid)
        scales = ", ".join(map(str, self.scales))
        return f"{' and '.join(ways)} at Q = {scales}" + (", mirrored too" if self.mirror else "")

    def singles(self) -> list[Protocol]:
        """The protocols of one scale and one way whose posteriors, averaged, are this one's."""
        dense = [Protocol((q,), mirror=self.mirror) for q in self.scales] if self.dense else []
        crops = [Protocol((q,), False, self.grid, self.mirror) for q in self.scales] if self.grid is not None else []
        return dense + crops

    def __post_init__(self) -> None:
        if isinstance(self.scales, int):  # one scale need not be a tuple
            object.__setattr__(self, "scales", (self.scales,))
        check_fields(self)
        if not self.scales:
            raise InputError("a protocol needs at least one test scale Q: scales=(73,), say")
        if min(self.scales) < 1:
            raise InputError(f"test scale {min(self.scales)} is not a size in pixels: choose the crop's size or more")
        if max(self.scales) > LARGEST_SCALE:
            raise InputError(f"test scale {max(self.scales)} is too large: choose {LARGEST_SCALE} pixels or fewer")
        if self.grid is not None and self.grid > LARGEST_GRID:
            raise InputError(f"a grid of {self.grid} has too many crops: choose {LARGEST_GRID} or fewer")
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


def crop_places(size: int, crop: int, grid: int) -> list[int]:
    """Where ``grid`` crops start along a side of ``size`` pixels: evenly spread, edge to edge (§4.3).

    >>> crop_places(256, 224, 5)
    [0, 8, 16, 24, 32]
    """
    if grid == 1:
        return [(size - crop) // 2]
    return [round(i * (size - crop) / (grid - 1)) for i in range(grid)]


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
