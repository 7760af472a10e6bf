"""Masked-token prediction: the logits at a position speak of the token that stood there."""

from dataclasses import dataclass

from hyenadna_kit.backbone.backbone import BackboneConfig
from hyenadna_kit.config import check_shares
from hyenadna_kit.heads.base import HeadConfig
from hyenadna_kit.heads.token_logits import TokenHead


@dataclass(frozen=True, kw_only=True)
class MaskedLanguageModelHeadConfig(HeadConfig):
    """A linear layer from hidden states to the tokens that were hidden, without bias.

    Source: Devlin et al. 2019, BERT, arXiv:1810.04805, section 3.1.
    """

    tied: bool = True
    """Use the embedding's weights."""
    hidden_fraction: float = 0.15
    """Share of the bases that are to be predicted."""
    masked_fraction: float = 0.8
    """Share of those that are read as [MASK]."""
    random_fraction: float = 0.1
    """Share of those that are read as a base drawn at random; the others are read as they are."""

    def __post_init__(self) -> None:
        check_shares(self, "hidden_fraction", "masked_fraction", "random_fraction")
        if self.hidden_fraction == 0:
            raise ValueError(f"hidden_fraction must be above 0, got {self.hidden_fraction}")
        if self.masked_fraction + self.random_fraction > 1:
            raise ValueError(
                "masked_fraction and random_fraction must be 1 at most together, "
                f"got {self.masked_fraction} and {self.random_fraction}"
            )

    def build(self, backbone: BackboneConfig) -> "MaskedLanguageModelHead":
        """Return the head."""
        return MaskedLanguageModelHead(backbone, tied=self.tied)


class MaskedLanguageModelHead(TokenHead):
    """Logits of the tokens themselves."""
