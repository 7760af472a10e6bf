"""Hidden states to outputs and their loss. A new head adds its import line here."""

from hyenadna_kit.heads.language_model import LanguageModelHeadConfig as LanguageModelHeadConfig
from hyenadna_kit.heads.masked_language_model import (
    MaskedLanguageModelHeadConfig as MaskedLanguageModelHeadConfig,
)
from hyenadna_kit.heads.nucleotide import NucleotideHeadConfig as NucleotideHeadConfig
from hyenadna_kit.heads.sequence import SequenceHeadConfig as SequenceHeadConfig
from hyenadna_kit.heads.variant_effect import VariantEffectHeadConfig as VariantEffectHeadConfig
