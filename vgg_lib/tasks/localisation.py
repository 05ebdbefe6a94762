"""Where is it? (App. A): the classifier's last layer gives way to one that predicts boxes, with a Euclidean loss."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from vgg_lib.basics import machine, seeds
from vgg_lib.basics.errors import InputError
from vgg_lib.basics.fields import NotNegativeFloat, Positive, PositiveFloat, Seed, Share, check_fields
from vgg_lib.basics.progress import bar
from vgg_lib.data.augmentation import draw_crops
from vgg_lib.data.images import Images
from vgg_lib.data.photos import Photos
from vgg_lib.data.rescaling import LARGEST_SCALE, Crops, rescaled_sizes
from vgg_lib.evaluation.posteriors import PIXELS_AT_ONCE
from vgg_lib.networks.model import VGG, vgg
from vgg_lib.tasks.boxes import boxes_in_crops, boxes_in_pictures, decode, encode, overlap

#: Numbers that a box is predicted by.
_BOX = 4

#: Images that go through a net at once while testing, where they are small: sums may change with the number.
_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Localisation:
    """How a trained classifier learns to predict boxes.

    ``per_class`` predicts a box for each class (the paper's PCR), else one for all (SCR). ``tuned`` are the layers that
    learn: ``all``, or the fully connected ones, ``fc``, the rest being fixed. ``scale`` is S and, in testing, Q.

    Raises :class:`InputError` for a value that cannot be, a scale above :data:`~vgg_lib.data.rescaling.LARGEST_SCALE`
    among them.
    """

    scale: Positive
    per_class: bool = True
    tuned: Literal["all", "fc"] = "all"
    epochs: Positive = 20
    batch_size: Positive = 50
    learning_rate: PositiveFloat = 0.01
    momentum: Share = 0.9
    weight_decay: NotNegativeFloat = 5e-4
    seed: Seed = 0

    def __post_init__(self) -> None:
        check_fields(self)
        if self.scale > LARGEST_SCALE:
            raise InputError(f"scale {self.scale} is too large: choose {LARGEST_SCALE} pixels or fewer")


def box_net(net: VGG, classes: int, how: Localisation) -> VGG:
    """The net with a new last layer, which predicts boxes: 4 numbers, or 4 for each class; all else is copied.

    It is a :class:`VGG` whose outputs are boxes as :func:`~vgg_lib.tasks.boxes.encode` has them, so that it is saved,
    loaded and applied densely like any other.
    """
    new = vgg(
        net.network,
        num_classes=_BOX * classes if how.per_class else _BOX,
        image_size=net.image_size,
        width=net.width,
        batch_norm=net.batch_norm,
        dropout=net.dropout,
    )
    new.name, new.preprocessing = net.name, net.preprocessing
    last = f"classifier.{len(net.classifier) - 1}."
    new.load_state_dict({k: v for k, v in net.state_dict().items() if not k.startswith(last)}, strict=False)
    layer = new.weight_layers()["fc8"]
    nn.init.normal_(layer.weight, std=0.01, generator=seeds.generator(how.seed, "box layer"))
    return new.to(next(net.parameters()).device).to(memory_format=torch.channels_last)


def train_boxes(net: VGG, photos: Photos, how: Localisation, *, progress: bool = False) -> VGG:
    """Teach a classifier to predict the boxes of these photographs: a new net, the classifier stays as it was.

    Random crops as in classification (§3.1); a box is told in parts of its crop and may reach beyond it. The loss is
    half the squared distance of the four numbers of the right class. The last layer starts from small random weights
    and the mean box; the rate goes up and down once.

    Raises :class:`InputError` for no photographs, photographs without boxes, or S below the net's crop.
    """
    if photos.boxes is None or not len(photos):
        raise InputError("there are no boxes to learn from: give photographs that have them")
    device = next(net.parameters()).device
    with machine.random_numbers_of(device):
        machine.seed(device, how.seed)
        new = box_net(net, len(photos.classes), how)
        _start_at_mean(new, photos, how)
        _learn(new, photos, how, progress)
    return new.requires_grad_(True).eval()


def _learn(net: VGG, photos: Photos, how: Localisation, progress: bool) -> None:
    assert photos.boxes is not None
    pixels, sizes, generator = (
        photos.images.rescaled(how.scale),
        photos.images.sizes,
        seeds.generator(how.seed, "boxes"),
    )
    net.train()
    if how.tuned == "fc":
        net.features.eval().requires_grad_(False)
    learning = [parameter for parameter in net.parameters() if parameter.requires_grad]
    optimiser = torch.optim.SGD(learning, how.learning_rate, how.momentum, weight_decay=how.weight_decay)
    total = how.epochs * -(-len(photos) // how.batch_size)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, how.learning_rate, total, cycle_momentum=False)
    with bar(total, "boxes", "step", shown=progress, leave=False) as done:
        for _ in range(how.epochs):
            for part in torch.randperm(len(photos), generator=generator).split(how.batch_size):
                crops = draw_crops(pixels.sizes[part], how.scale, net.image_size, generator)
                targets = boxes_in_crops(photos.boxes[part].float(), sizes[part], crops, net.image_size)
                seen = pixels.take(part).cut(crops, how.scale, net.image_size)
                optimiser.zero_grad()
                _loss(net, seen, targets, photos.labels[part]).backward()
                optimiser.step()
                schedule.step()
                done.update()


def _loss(net: VGG, x: Tensor, targets: Tensor, labels: Tensor) -> Tensor:
    """:func:`euclidean_loss` of crops on a scale of 0..255 and boxes in their pixels."""
    device = next(net.parameters()).device
    dtype = machine.autocast_dtype(device)
    if dtype == torch.float16:  # small gradients would vanish in it, and nothing here scales the loss
        dtype = torch.float32
    with machine.autocast(device, dtype):
        outputs = net(net.preprocessing.in_place(x.to(device)).contiguous(memory_format=torch.channels_last))
    return euclidean_loss(outputs.float(), encode(targets, net.image_size).to(device), labels.to(device))


def euclidean_loss(outputs: Tensor, targets: Tensor, labels: Tensor) -> Tensor:
    """Half the squared distance of the right class's four numbers, on average over the batch (App. A.1).

    ``outputs`` are a box net's ``(N, 4)`` or ``(N, 4 · classes)``, ``targets`` ``(N, 4)``, ``labels`` ``(N,)``.

    >>> float(euclidean_loss(torch.tensor([[9.0, 9, 9, 9, 1, 2, 0, 0]]), torch.zeros(1, 4), torch.tensor([1])))
    2.5
    """
    return (boxes_of_class(outputs, labels) - targets).square().sum(1).mean() / 2


def boxes_of_class(outputs: Tensor, labels: Tensor) -> Tensor:
    """The four numbers ``(N, 4)`` for the class given, of what the net predicts."""
    boxes = outputs.view(len(outputs), -1, _BOX)
    return boxes[:, 0] if boxes.shape[1] == 1 else boxes[torch.arange(len(boxes)), labels]


def _start_at_mean(net: VGG, photos: Photos, how: Localisation) -> None:
    """Let the last layer predict the mean box, seen in central crops, whatever the picture."""
    assert photos.boxes is not None
    sizes = photos.images.sizes
    crops = central_crops(sizes, how.scale, net.image_size)
    mean = encode(boxes_in_crops(photos.boxes.float(), sizes, crops, net.image_size), net.image_size).mean(0)
    last = net.weight_layers()["fc8"]
    with torch.no_grad():
        last.bias.copy_(mean.repeat(len(last.bias) // _BOX))  # type: ignore[union-attr, arg-type]


def central_crops(sizes: Tensor, scale: int, crop: int) -> Crops:
    """The crops in the middle of pictures of ``sizes`` ``(N, 2)`` rescaled to smallest side Q.

    Raises :class:`InputError` for Q below the crop.
    """
    if scale < crop:
        raise InputError(f"scale {scale} does not hold a crop of {crop} pixels: choose {crop} or more")
    side = torch.full((len(sizes),), scale)
    top, left = ((rescaled_sizes(sizes, side) - crop) // 2).unbind(1)
    return Crops(side, top, left, torch.zeros(len(sizes), dtype=torch.bool))


@machine.full_float32()
@torch.inference_mode()
def predict_boxes(net: VGG, images: Images, labels: Tensor, scale: int) -> Tensor:
    """Boxes ``(N, 4)`` in the pictures' pixels, predicted for the class given from the central crop (App. A.1).

    ``net`` is what :func:`train_boxes` returned; ``labels`` are ``(N,)``. Raises :class:`InputError` for a scale below
    the net's crop.
    """
    pixels, sizes = images.rescaled(scale), images.sizes
    crops, crop = central_crops(sizes, scale, net.image_size), net.image_size
    device = next(net.parameters()).device
    found = []
    for part in torch.arange(len(images)).split(min(_AT_ONCE, max(1, PIXELS_AT_ONCE // crop**2))):
        which = slice(int(part[0]), int(part[-1]) + 1)
        x = pixels.take(part).cut(crops.part(which), scale, crop)
        found.append(boxes_of_class(net(net.preprocessing(x.to(device))).float().cpu(), labels[part]))
    return boxes_in_pictures(decode(torch.cat(found), crop), sizes, crops, crop)


def mean_box(photos: Photos) -> Tensor:
    """The mean of the boxes, in parts of their pictures' sides ``(4,)``: left, top, right, bottom."""
    if photos.boxes is None or not len(photos):
        raise InputError("there are no boxes to average: give photographs that have them")
    return decode(encode(photos.boxes.float(), photos.images.sizes).mean(0, keepdim=True), 1)[0]


def hits(boxes: Tensor, truth: Sequence[Tensor]) -> Tensor:
    """Which of the predicted boxes ``(N, 4)`` are right: more than half overlap with any of its true ones. ``(N,)``.

    ``truth`` has the true boxes of each photograph, ``(M, 4)``, M different or not. Raises :class:`InputError` where
    there are not as many predictions as photographs.
    """
    if len(boxes) != len(truth):
        raise InputError(f"{len(boxes)} boxes were predicted for {len(truth)} photographs: one for each is expected")
    best = [overlap(box, some).max() for box, some in zip(boxes, truth, strict=True)]
    return torch.stack(best) > 0.5 if best else torch.zeros(0, dtype=torch.bool)


def error_of(boxes: Tensor, truth: Sequence[Tensor]) -> float:
    """How many of the predicted boxes are wrong, in percent; see :func:`hits`."""
    return round(100 * float((~hits(boxes, truth)).double().mean()), 2)
