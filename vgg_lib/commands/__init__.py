"""The commands of ``vgg-lib``: a module each, with the command's name."""
