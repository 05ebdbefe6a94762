"""The book's drawing language: one look, and one colour for each network, in every chapter."""

from vgg_lib.book.figures.boxes import best_and_worst, boxes_from_places, boxes_on_pictures
from vgg_lib.book.figures.contrasts import contrasts
from vgg_lib.book.figures.curves import curves
from vgg_lib.book.figures.depth import folds, over_epochs, stage_ends, straight_pieces, views_and_relus
from vgg_lib.book.figures.effects import beside, seed_errors
from vgg_lib.book.figures.endings import a_beside_d, endings
from vgg_lib.book.figures.evidence import evidence, evidence_table, one_size_up, so_far
from vgg_lib.book.figures.fields import (
    Field,
    field_growth,
    fields_on_photo,
    pyramids,
    stage_costs,
    turning_point,
)
from vgg_lib.book.figures.live import trainings
from vgg_lib.book.figures.neighbours import costs, neighbours_left, responses, shares, within_margin
from vgg_lib.book.figures.networks import (
    SIX,
    by_stage,
    cost_shares,
    costs_by_layer,
    soft_max_trap,
    table_one,
)
from vgg_lib.book.figures.pictures import versions
from vgg_lib.book.figures.rates import over_rates
from vgg_lib.book.figures.scaling import data_parallel, durations, speed_ups, throughput
from vgg_lib.book.figures.signals import over_layers, recorded_signals
from vgg_lib.book.figures.sizes import over_sizes
from vgg_lib.book.figures.stacks import side_by_side
from vgg_lib.book.figures.standings import false_findings, papers_differences, standings
from vgg_lib.book.figures.style import COLOURS, use_style
from vgg_lib.book.figures.testing import error_against_cost, errors_over_scales, protocol_errors
from vgg_lib.book.figures.training import (
    confusion,
    epoch_losses,
    loss_curve,
    most_confident_mistakes,
    photo_page,
    picture_row,
)
from vgg_lib.book.figures.transfer import errors_by_layer, transfer_by_class, transfer_by_layer, transfer_of_pixels
from vgg_lib.book.figures.views import cell_answers, protocol_views, score_maps, window_contexts

__all__ = [
    "COLOURS",
    "SIX",
    "Field",
    "a_beside_d",
    "beside",
    "best_and_worst",
    "boxes_from_places",
    "boxes_on_pictures",
    "by_stage",
    "cell_answers",
    "confusion",
    "contrasts",
    "cost_shares",
    "costs",
    "costs_by_layer",
    "curves",
    "data_parallel",
    "durations",
    "endings",
    "epoch_losses",
    "error_against_cost",
    "errors_by_layer",
    "errors_over_scales",
    "evidence",
    "evidence_table",
    "false_findings",
    "field_growth",
    "fields_on_photo",
    "folds",
    "loss_curve",
    "most_confident_mistakes",
    "neighbours_left",
    "one_size_up",
    "over_epochs",
    "over_layers",
    "over_rates",
    "over_sizes",
    "papers_differences",
    "photo_page",
    "picture_row",
    "protocol_errors",
    "protocol_views",
    "pyramids",
    "recorded_signals",
    "responses",
    "score_maps",
    "seed_errors",
    "shares",
    "side_by_side",
    "so_far",
    "soft_max_trap",
    "speed_ups",
    "stage_costs",
    "stage_ends",
    "standings",
    "straight_pieces",
    "table_one",
    "throughput",
    "trainings",
    "transfer_by_class",
    "transfer_by_layer",
    "transfer_of_pixels",
    "turning_point",
    "use_style",
    "versions",
    "views_and_relus",
    "window_contexts",
    "within_margin",
]
