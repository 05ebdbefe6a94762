"""``python -m vgg_lib``: the command line."""

from vgg_lib.cli import main

main()
