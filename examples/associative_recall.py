"""Let two models learn which base stood behind a word, one of them with a layer of attention.

    python examples/associative_recall.py [STEPS]

300 steps take less than a minute. A filter weighs distances: it cannot look for a word. The hybrid's
first layer spells words with its short filter, its second one compares them.
"""

import sys

import hyenadna_kit as hk
from hyenadna_kit.testing.recall import RecallTask, counting_accuracy, learn_recall, recall_accuracy


def main(steps: str = "300") -> None:
    """Train both models for as many steps and print what share of the bases they recall."""
    task = RecallTask(num_pairs=8, word_length=3)
    sizes = {"d_model": 64, "num_layers": 2, "context_length": task.length, "embed_dropout": 0.0}
    backbones = {  # of 95,000 weights each
        "Hyena in both layers": hk.BackboneConfig(d_inner=128, **sizes),
        "attention in layer 1": hk.BackboneConfig(
            d_inner=180, other_mixer=hk.AttentionConfig(num_heads=2), other_layers=(1,), **sizes
        ),
    }
    print(f"{'most frequent base':<20} {counting_accuracy(task):7.1%}", flush=True)
    for name, backbone in backbones.items():
        model = learn_recall(hk.HyenaDNAConfig(backbone=backbone), task, num_steps=int(steps))
        print(f"{name:<20} {recall_accuracy(model, task):7.1%}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
