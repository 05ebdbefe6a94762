"""``vgg-lib localise``: teach a net to say where things are in photographs of the reader's."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from vgg_lib.basics.errors import check_choice
from vgg_lib.basics.files import check_writing, is_folder, replacing
from vgg_lib.basics.folders import expanded
from vgg_lib.commands.shared import Weights, check_apart, net_in, weights_or_best
from vgg_lib.data.decoding import is_photograph
from vgg_lib.data.folder import has_halves, photo_folder
from vgg_lib.tasks.box_file import boxed_from_file
from vgg_lib.tasks.boxes import WHOLE, sides
from vgg_lib.tasks.localisation import Localisation, error_of, mean_box, predict_boxes, train_boxes
from vgg_lib.training.weights import save_net


def localise(
    folder: Annotated[Path, typer.Argument(help="Photographs, a folder for each class, in train/ and test/ or not.")],
    boxes: Annotated[Path, typer.Option(help="JSON: {NAME: {size: [w, h], boxes: [[left, top, right, bottom], …]}}.")],
    weights: Weights = None,
    tuned: Annotated[Literal["all", "fc"], typer.Option(help="Layers that learn.")] = "all",
    shared: Annotated[bool, typer.Option("--shared", help="One box for all classes, not one for each.")] = False,
    scale: Annotated[int | None, typer.Option(help="Training scale S; else 8/7 of the crop, as 256 is of 224.")] = None,
    epochs: Annotated[int, typer.Option(help="How often each photograph is seen.")] = 20,
    seed: Annotated[int, typer.Option(help="Decides the last layer, order, crops and dropout.")] = 0,
    picture: Annotated[Path, typer.Option(help="Where to draw the best and the worst boxes.")] = Path("boxes.png"),
    out: Annotated[Path | None, typer.Option(help="File to write the net's weights to.")] = None,
) -> None:
    """Teach a classifier to predict boxes (App. A), test it with the class given, and draw what it says.

    A box is right if it overlaps with a true one by more than half of what both cover.
    """
    import matplotlib.pyplot as plt
    from matplotlib.backend_bases import FigureCanvasBase

    from vgg_lib.book.figures.boxes import best_and_worst, boxes_on_pictures

    form = picture.suffix.lstrip(".").lower() or "png"
    check_choice("form of a picture", form, sorted(FigureCanvasBase.get_supported_filetypes()))
    chosen = weights_or_best(weights)
    root = expanded(folder)
    inside = root.glob("*/*/*" if has_halves(root) else "*/*") if is_folder(root) else ()
    check_apart(filter(None, (picture, out)), (chosen, boxes, *filter(is_photograph, inside)))
    for path in filter(None, (picture, out)):
        check_writing(path)
    net, _ = net_in(chosen)
    halves = has_halves(folder)
    train, test = (
        boxed_from_file(photo_folder(folder, split), boxes, below=f"{split}/" if halves else "")
        for split in ("train", "test")
    )
    how = Localisation(round(net.image_size * 8 / 7) if scale is None else scale, not shared, tuned, epochs, seed=seed)
    taught = train_boxes(net, train.photos, how, progress=True)
    images = test.photos.images
    predicted = predict_boxes(taught, images, test.photos.labels, how.scale)
    whole = sides(images.sizes)
    print(f"error {error_of(predicted, test.boxes):.1f} % of {len(test)} photographs")
    print(f"error {error_of(mean_box(train.photos) * whole, test.boxes):.1f} % with the mean box of the others")
    print(f"error {error_of(WHOLE * whole, test.boxes):.1f} % with the whole picture")
    if out:  # before the picture, which may fail
        print(f"weights  {save_net(taught, out, classes=train.photos.classes, boxes=True)}")
    shown = best_and_worst(test, predicted)
    figure = boxes_on_pictures(test.take(shown), predicted[shown])
    with replacing(picture) as part:
        figure.savefig(part, format=form)
    plt.close(figure)
    print(f"picture  {picture}")
