"""What processes that tests start are forked from: PyTorch is imported and the pictures are drawn, no more."""

import torch

import vgg_lib.evidence.queue  # noqa: F401
from vgg_lib.data.embedded import embedded

torch.set_num_threads(1)  # other threads would not survive a fork
embedded("train")
