"""Low-rank adaptation: it changes nothing at first, trains the products alone, and merges exactly."""

import pytest
import torch

from hyenadna_kit.backbone.backbone import BackboneConfig
from hyenadna_kit.backbone.filters import FilterConfig
from hyenadna_kit.backbone.mixers.attention import AttentionConfig
from hyenadna_kit.backbone.mixers.hyena import HyenaConfig
from hyenadna_kit.heads.sequence import SequenceHeadConfig
from hyenadna_kit.model import HyenaDNA, HyenaDNAConfig
from hyenadna_kit.training.finetune import Selection, finetune, prepare_finetuning
from hyenadna_kit.training.finetune_config import FinetuneConfig
from hyenadna_kit.training.low_rank import adapt, merged

MIXERS = {
    "hyena": HyenaConfig(filter=FilterConfig(filter_order=8)),
    "attention": AttentionConfig(num_heads=2),
}
HEAD = SequenceHeadConfig(objective="binary", labels=("no", "yes"), pooling="mean", dropout=0.0)


def model_of(mixer):
    torch.manual_seed(0)
    backbone = BackboneConfig(d_model=8, num_layers=2, context_length=32, mixer=mixer, embed_dropout=0.0)
    return HyenaDNAConfig(backbone=backbone, head=HEAD).build()


@pytest.fixture(params=MIXERS)
def model(request):
    return model_of(MIXERS[request.param])


IDS = torch.randint(7, 11, (4, 20), generator=torch.Generator().manual_seed(1))
LABELS = torch.tensor([0, 1, 0, 1])


def step(model, steps=3):
    optimizer = torch.optim.SGD([each for each in model.parameters() if each.requires_grad], lr=0.5)
    for _ in range(steps):
        optimizer.zero_grad()
        model.head.loss(model(IDS).logits, LABELS).backward()
        optimizer.step()


def test_it_changes_nothing_before_the_first_step(model):
    before = model(IDS).logits
    adapt(model, rank=2, scale=2.0)
    assert torch.equal(model(IDS).logits, before)


def test_the_products_and_the_head_alone_are_trained(model):
    adapt(model, rank=2, scale=2.0)
    trained = {name for name, each in model.named_parameters() if each.requires_grad}
    layers = ["mixer.in_proj", "mixer.out_proj", "mlp.fc1", "mlp.fc2"]
    products = {
        f"backbone.layers.{block}.{layer}.parametrizations.weight.0.{side}"
        for block in (0, 1)
        for layer in layers
        for side in ("reads", "writes")
    }
    assert trained == products | {"head.linear.weight", "head.linear.bias"}
    kept = {name: each.clone() for name, each in model.named_parameters() if not each.requires_grad}
    step(model)
    now = dict(model.named_parameters())
    assert all(torch.equal(now[name], each) for name, each in kept.items())


def test_steps_change_the_answer_through_the_layers_and_not_through_the_head_alone(model):
    adapt(model, rank=2, scale=2.0)
    before = model.backbone(IDS)
    step(model)
    assert (model.backbone(IDS) - before).abs().max() > 1e-4


def test_the_merged_weight_is_the_sum_of_the_weight_and_the_scaled_product(model):
    weight = model.backbone.layers[1].mlp.fc1.weight.detach().clone()
    adapt(model, rank=2, scale=3.0)
    step(model)
    added = model.backbone.layers[1].mlp.fc1.parametrizations.weight[0]
    expected = weight + 3.0 * (added.writes @ added.reads).detach()
    torch.testing.assert_close(merged(model).backbone.layers[1].mlp.fc1.weight, expected)


def test_the_merged_model_computes_the_same_and_has_plain_weights(model):
    names = set(dict(model.named_parameters()))
    adapt(model, rank=2, scale=2.0)
    step(model)
    plain = merged(model)
    assert set(dict(plain.named_parameters())) == names
    torch.testing.assert_close(plain(IDS).logits, model(IDS).logits)


def write_rows(path, rows):
    text = ["sequence,label", *(f"{sequence},{label}" for sequence, label in rows)]
    path.write_text("\n".join(text) + "\n")


def test_a_finetuned_folder_is_a_plain_model_and_the_same_seed_gives_the_same(tmp_path):
    model_of(MIXERS["hyena"]).save_pretrained(tmp_path / "m")
    generator = torch.Generator().manual_seed(2)
    for side, count in {"train": 24, "validation": 8}.items():
        rows = []
        for number in range(count):
            letters = "AC" if number % 2 else "GT"
            bases = torch.randint(0, 2, (16 + number % 3,), generator=generator)
            rows.append(("".join(letters[each] for each in bases), number % 2))
        write_rows(tmp_path / f"{side}.csv", rows)

    def run(out, **more):
        options = {"epochs": 2, "patience": 9, "batch_size": 8, "seeds": (0,), "precision": "fp32"} | more
        files = {side: str(tmp_path / f"{side}.csv") for side in ("train", "validation")}
        config = FinetuneConfig(
            model=str(tmp_path / "m"), out=str(tmp_path / out), lora_rank=2, **files, **options
        )
        score = Selection("score", lambda labels, predictions: float(predictions.sum()))
        (found,) = finetune(prepare_finetuning(config), score)
        return found

    first = run("run")
    plain = HyenaDNA.from_pretrained(tmp_path / "m")
    assert HyenaDNA.from_pretrained(first.folder).num_parameters == plain.num_parameters
    assert (run("again").predictions["validation"] == first.predictions["validation"]).all()


def test_it_is_refused_where_nothing_is_pretrained_or_layers_are_chosen_otherwise():
    for other in ({"fresh_weights": True}, {"trained_layers": 1}):
        with pytest.raises(ValueError, match="lora_rank adapts pretrained layers"):
            FinetuneConfig(model="m", train="t.csv", out="o", lora_rank=4, **other)
