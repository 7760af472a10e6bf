"""Models that are small and untrained, for tests and examples.

In: a seed. Out: a model in eval mode whose predictions differ from base to base.
"""

import torch

from hyenadna_kit.backbone.backbone import BackboneConfig
from hyenadna_kit.backbone.filters import FilterConfig
from hyenadna_kit.backbone.mixers.hyena import HyenaConfig
from hyenadna_kit.model import HyenaDNA, HyenaDNAConfig

_SPREAD = 0.4


def tiny_model(seed: int = 0) -> HyenaDNA:
    """Return a model of 2 layers and d_model 16 for contexts of 64 bp, in eval mode.

    Its weights are larger than those that training begins with, so that its scores are of the order of 1.
    """
    mixer = HyenaConfig(filter=FilterConfig(filter_order=8))
    backbone = BackboneConfig(d_model=16, num_layers=2, d_inner=16, context_length=64, mixer=mixer)
    model = HyenaDNAConfig(backbone=backbone).build().eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(_SPREAD * torch.randn(parameter.shape, generator=generator))
    return model
