"""The command line: ``vgg-lib COMMAND``, each command in the module of :mod:`vgg_lib.commands` that has its name."""

from __future__ import annotations

import sys

import typer

from vgg_lib.basics.errors import InputError
from vgg_lib.basics.machine import full_float32
from vgg_lib.basics.terminal import allow_any_character, warn_in_sentences
from vgg_lib.commands.claim import claim
from vgg_lib.commands.compare import compare
from vgg_lib.commands.describe import describe
from vgg_lib.commands.doctor import doctor
from vgg_lib.commands.download import download
from vgg_lib.commands.evaluate import evaluate
from vgg_lib.commands.export import export
from vgg_lib.commands.localise import localise
from vgg_lib.commands.measure import measure
from vgg_lib.commands.power import power
from vgg_lib.commands.predict import predict
from vgg_lib.commands.protocols import protocols
from vgg_lib.commands.redo import redo
from vgg_lib.commands.rules import rules
from vgg_lib.commands.run import run
from vgg_lib.commands.scoreboard import scoreboard
from vgg_lib.commands.statements import statements
from vgg_lib.commands.status import status
from vgg_lib.commands.table import table
from vgg_lib.commands.train import train
from vgg_lib.commands.transfer import transfer
from vgg_lib.commands.verdicts import verdicts

app = typer.Typer(
    help="Every claim of the VGG paper, as something that runs.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

#: In the order in which the help shows them.
COMMANDS = (
    describe,
    train,
    run,
    redo,
    status,
    evaluate,
    protocols,
    measure,
    predict,
    export,
    transfer,
    localise,
    download,
    doctor,
    claim,
    compare,
    verdicts,
    rules,
    power,
    scoreboard,
    statements,
    table,
)

for command in COMMANDS:
    app.command()(command)


def main() -> None:
    """Run the command line: exit code 2 and one sentence for input that cannot be used."""
    allow_any_character()
    warn_in_sentences()
    try:
        with full_float32():
            app()
    except InputError as error:
        print(f"vgg-lib: {error}", file=sys.stderr)
        sys.exit(2)
