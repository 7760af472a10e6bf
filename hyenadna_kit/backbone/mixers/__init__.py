"""What mixes information along the sequence. A new mixer adds its import line here."""

from hyenadna_kit.backbone.mixers.attention import AttentionConfig as AttentionConfig
from hyenadna_kit.backbone.mixers.hyena import HyenaConfig as HyenaConfig
