"""Hidden states to outputs and their loss. A new head adds its import line here."""

from hyenadna_kit.heads.language_model import LanguageModelHeadConfig as LanguageModelHeadConfig
from hyenadna_kit.heads.masked_language_model import (
    MaskedLanguageModelHeadConfig as MaskedLanguageModelHeadConfig,
)
