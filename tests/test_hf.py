"""transformers and PEFT on models of ours and on published ones: numbers, training, files."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import jaxtyping
import numpy as np
import pytest
import torch
from safetensors.torch import load_file

transformers = pytest.importorskip("transformers", reason="transformers is in the hf extra")

import hyenadna_kit.hf  # noqa: E402 (it registers the classes)
from hyenadna_kit import cli  # noqa: E402
from hyenadna_kit.backbone.backbone import BackboneConfig  # noqa: E402
from hyenadna_kit.errors import InputError  # noqa: E402
from hyenadna_kit.generation.generate import generate  # noqa: E402
from hyenadna_kit.generation.sampling_options import SamplingOptions  # noqa: E402
from hyenadna_kit.heads.sequence import SequenceHeadConfig  # noqa: E402
from hyenadna_kit.model import HyenaDNA, HyenaDNAConfig  # noqa: E402
from tests.oracles.hub import hub_of  # noqa: E402
from tests.test_golden import A, published_folder  # noqa: E402

pytestmark = pytest.mark.filterwarnings(
    "ignore:.is_gradient_checkpointing. is deprecated:FutureWarning"
)  # PEFT

GOLDEN = Path(__file__).parent / "data" / "golden" / A
AutoModel = transformers.AutoModel
AutoModelForCausalLM = transformers.AutoModelForCausalLM
AutoModelForSequenceClassification = transformers.AutoModelForSequenceClassification
AutoTokenizer = transformers.AutoTokenizer
HF_FILES = {"config.json": "config_hf.json", "model.safetensors": "weights_hf.safetensors"}
BACKBONE = BackboneConfig(d_model=16, num_layers=2, context_length=64)
IDS = torch.randint(7, 11, (2, 24), generator=torch.Generator().manual_seed(0))


@pytest.fixture
def published(tmp_path):
    """A published folder in the ``-hf`` format."""
    return str(published_folder(tmp_path, A, "weights_hf.safetensors", "config_hf.json"))


@pytest.fixture
def own(tmp_path):
    """A folder of ours with a language model."""
    torch.manual_seed(0)
    HyenaDNAConfig(backbone=BACKBONE).build().save_pretrained(tmp_path / "own")
    return str(tmp_path / "own")


def logits_of(model, ids=IDS, **options):
    with torch.inference_mode():
        return model(ids, **options).logits


def test_published_model_gives_the_published_numbers(published):
    golden = load_file(GOLDEN / "io_L64.safetensors")
    model = AutoModelForCausalLM.from_pretrained(published)
    assert not model.training
    logits = logits_of(model, golden["input_ids"])
    torch.testing.assert_close(logits.double(), golden["f64.logits"], rtol=0, atol=1e-4)
    states = AutoModel.from_pretrained(published)(golden["input_ids"]).last_hidden_state
    torch.testing.assert_close(states.double(), golden["f64.hidden"], rtol=0, atol=1e-4)


def test_published_config_is_read_and_said(published):
    config = transformers.AutoConfig.from_pretrained(published)
    assert (config.hidden_size, config.vocab_size, config.model_type) == (16, 16, "hyenadna")
    assert config.own.backbone == HyenaDNA.from_pretrained(published).config.backbone


def test_model_of_a_configuration_has_fresh_weights(published):
    config = transformers.AutoConfig.from_pretrained(published)
    model = AutoModelForCausalLM.from_config(config)
    assert model.hyena.config.backbone.d_model == 16
    assert not torch.equal(logits_of(model), logits_of(AutoModelForCausalLM.from_pretrained(published)))


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("kind", [AutoModelForCausalLM, AutoModelForSequenceClassification])
def test_padding_changes_no_output_of_a_base(own, side, kind):
    torch.manual_seed(0)
    model = kind.from_pretrained(own)
    tokenizer = AutoTokenizer.from_pretrained(own, padding_side=side)
    sequences = ["ACGTACGTTGCA", "GGT"]
    batch = tokenizer(sequences, padding=True, return_tensors="pt")
    logits = logits_of(model, batch.input_ids, attention_mask=batch.attention_mask)
    for row, sequence in enumerate(sequences):
        alone = logits_of(model, tokenizer(sequence, return_tensors="pt").input_ids)[0]
        found = (
            logits[row]
            if kind is AutoModelForSequenceClassification
            else logits[row][batch.attention_mask[row] == 1]
        )
        torch.testing.assert_close(found, alone, rtol=0, atol=1e-5)


def test_loss_is_that_of_the_next_token(own):
    model = AutoModelForCausalLM.from_pretrained(own)
    labels = IDS.clone()
    labels[:, :5] = -100
    loss = model(IDS, labels=labels).loss
    log_probs = logits_of(model).log_softmax(2)
    expected = -torch.stack(
        [log_probs[row, at - 1, IDS[row, at]] for row in range(2) for at in range(5, 24)]
    ).mean()
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(model(IDS, labels=labels, num_items_in_batch=76).loss, expected / 2)


def test_loss_without_labels_is_0_and_not_nan(own):
    model = AutoModelForCausalLM.from_pretrained(own)
    assert model(IDS, labels=torch.full_like(IDS, -100)).loss == 0


@pytest.mark.parametrize("dtype", [torch.float64, "float64"])
def test_number_format_is_the_one_that_was_asked_for(own, dtype):
    model = hyenadna_kit.hf.HyenaDNAForCausalLM.from_pretrained(own, dtype=dtype)
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float64}


def test_transformers_generates_what_we_do(own):
    model = AutoModelForCausalLM.from_pretrained(own)
    prompt = "ACGTTGCATT"
    ids = torch.tensor([model.hyena.tokenizer.encode(prompt).tolist()])
    found = model.generate(
        ids, max_new_tokens=30, do_sample=False, suppress_tokens=[*range(7), 11, 12, 13, 14, 15]
    )
    (expected,) = generate(model.hyena, prompt, 30, sampling=SamplingOptions(temperature=0.0))
    assert model.hyena.tokenizer.decode(found[0, len(prompt) :].numpy()) == expected.bases
    jaxtyping.config.update("jaxtyping_disable", True)  # users have no such checks
    try:
        with pytest.raises(TypeError, match=r"name its \.hyena"):
            next(generate(model, prompt, 30))
        with pytest.raises(TypeError, match="call generate for each of several"):
            next(generate(model.hyena, ["ACG", "TT"], 30))
    finally:
        jaxtyping.config.update("jaxtyping_disable", False)


@pytest.mark.parametrize("dtype", ["foo", "nn", "int8", torch.long])
def test_number_format_that_is_none_is_refused(own, dtype):
    with pytest.raises(InputError, match="dtype must be float32, bfloat16, float16, float64 or auto, got"):
        hyenadna_kit.hf.HyenaDNAForCausalLM.from_pretrained(own, dtype=dtype)


def test_classifier_keeps_its_labels_and_its_kind(own, tmp_path):
    options = {"num_labels": 3, "problem_type": "multi_label_classification"}
    AutoModelForSequenceClassification.from_pretrained(own, **options).save_pretrained(tmp_path / "c")
    again = AutoModelForSequenceClassification.from_pretrained(tmp_path / "c")
    assert (again.num_labels, again.config.problem_type) == (3, "multi_label_classification")
    with pytest.raises(InputError, match="has 3 labels, not 5; for others begin at the language model"):
        AutoModelForSequenceClassification.from_pretrained(tmp_path / "c", num_labels=5)
    with pytest.raises(InputError, match=r"problem_type must be one of single_label_classification, .*'foo'"):
        AutoModelForSequenceClassification.from_pretrained(own, problem_type="foo")
    with pytest.raises(InputError, match="no output_hidden_states; hyenadna-kit embed"):
        again(IDS, output_hidden_states=True)


def test_loss_of_a_binary_classifier_is_that_of_its_two_logits(tmp_path):
    torch.manual_seed(0)
    head = SequenceHeadConfig(objective="binary", labels=("closed", "open"))
    HyenaDNAConfig(backbone=BACKBONE, head=head).build().save_pretrained(tmp_path)
    model = AutoModelForSequenceClassification.from_pretrained(tmp_path)
    labels = torch.tensor([0, 1])
    out = model(IDS, labels=labels)
    torch.testing.assert_close(out.loss, torch.nn.functional.cross_entropy(out.logits, labels))


def test_tokenizer_reads_as_ours_and_ends_as_the_published_one(own, tmp_path):
    tokenizer = AutoTokenizer.from_pretrained(own)
    assert tokenizer("ACgtNRA").input_ids == [7, 8, 9, 10, 11, 11, 7, 1]
    assert tokenizer("AC", add_special_tokens=False).input_ids == [7, 8]
    assert tokenizer("A[MASK]C").input_ids == [7, 3, 8, 1]
    assert tokenizer.decode([7, 8, 9, 1], skip_special_tokens=True) == "ACG"
    assert tokenizer("ACGTACGT", truncation=True, max_length=5).input_ids == [7, 8, 9, 10, 1]
    tokenizer.padding_side = "right"
    tokenizer.save_pretrained(tmp_path / "t")
    again = AutoTokenizer.from_pretrained(tmp_path / "t")
    assert again(["A", "ACG"], padding=True).input_ids == [[7, 1, 4, 4], [7, 8, 9, 1]]
    with pytest.raises(InputError, match="'!' at position 1"):
        tokenizer("A!")


def test_code_of_a_repository_is_not_run(published, tmp_path):
    folder = Path(published)
    (folder / "modeling_hyena.py").write_text("raise SystemExit('was run')\n")
    config = json.loads((folder / "config.json").read_text())
    config["auto_map"] = {"AutoConfig": "modeling_hyena.C", "AutoModelForCausalLM": "modeling_hyena.M"}
    (folder / "config.json").write_text(json.dumps(config))
    model = AutoModelForCausalLM.from_pretrained(published)
    assert type(model).__module__ == "hyenadna_kit.hf.modeling"


def test_models_of_the_hub_come_by_their_names(tmp_path):
    files = {name: (GOLDEN / source).read_bytes() for name, source in HF_FILES.items()}
    program = (
        "import hyenadna_kit.hf, torch; from transformers import AutoModelForCausalLM, AutoTokenizer\n"
        "name = 'LongSafari/small-hf'\n"
        "model, tokenizer = AutoModelForCausalLM.from_pretrained(name), AutoTokenizer.from_pretrained(name)\n"
        "print(model(**tokenizer('ACGT', return_tensors='pt')).logits.sum().item())\n"
    )
    with hub_of({"LongSafari/small-hf": {"main": files}}) as hub:
        environment = os.environ | hub.environment(tmp_path / "home")
        finished = subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, text=True
        )
    assert finished.returncode == 0, finished.stderr
    model = HyenaDNA.from_pretrained(published_folder(tmp_path, A))
    expected = logits_of(model, torch.tensor([[7, 8, 9, 10, 1]])).sum().item()
    assert float(finished.stdout) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cache_dir": "x"}, "no option cache_dir; the environment variable HF_HOME says where"),
        ({"device_map": "auto"}, r"no option device_map; call .to\(device\)"),
        ({"nonsense": 3}, "no option nonsense; known are num_labels"),
    ],
)
def test_option_that_would_be_passed_over_is_refused(own, options, message):
    with pytest.raises(InputError, match=message):
        hyenadna_kit.hf.HyenaDNAForCausalLM.from_pretrained(own, **options)


def test_language_model_is_told_from_a_classifier(own, tmp_path):
    AutoModelForSequenceClassification.from_pretrained(own).save_pretrained(tmp_path / "c")
    with pytest.raises(InputError, match="is no language model, its head is SequenceHead"):
        AutoModelForCausalLM.from_pretrained(tmp_path / "c")


@pytest.mark.parametrize(
    ("options", "labels", "objective"),
    [
        ({}, torch.tensor([0, 1]), "multiclass"),
        ({"num_labels": 3}, torch.tensor([2, 0]), "multiclass"),
        ({"num_labels": 3, "problem_type": "multi_label_classification"}, torch.eye(3)[:2], "multilabel"),
        ({"num_labels": 1}, torch.tensor([0.5, -1.0]), "regression"),
        (
            {"id2label": {0: "no", 1: "yes"}, "label2id": {"no": 0, "yes": 1}},
            torch.tensor([0, 1]),
            "multiclass",
        ),
    ],
)
def test_classifier_has_the_labels_that_were_asked_for(own, tmp_path, options, labels, objective):
    model = AutoModelForSequenceClassification.from_pretrained(own, **options)
    assert model.hyena.config.head.objective == objective
    out = model(IDS, labels=labels)
    assert out.logits.shape == (2, options.get("num_labels", 2))
    out.loss.backward()
    assert model.hyena.backbone.embeddings.word_embeddings.weight.grad.abs().sum() > 0
    model.save_pretrained(tmp_path / "c")
    again = AutoModelForSequenceClassification.from_pretrained(tmp_path / "c")
    assert again.config.id2label == model.config.id2label
    assert torch.equal(logits_of(again.eval()), logits_of(model.eval()))


def test_binary_classifier_of_ours_has_two_logits_here(tmp_path):
    torch.manual_seed(0)
    head = SequenceHeadConfig(objective="binary", labels=("closed", "open"))
    model = HyenaDNAConfig(backbone=BACKBONE, head=head).build().eval()
    model.save_pretrained(tmp_path)
    found = AutoModelForSequenceClassification.from_pretrained(tmp_path)
    assert found.config.id2label == {0: "closed", 1: "open"}
    with torch.inference_mode():
        expected = model.head.predictions(model(IDS).logits)[:, 0]
    torch.testing.assert_close(logits_of(found).softmax(1)[:, 1], expected)


class Repeats(torch.utils.data.Dataset):
    """Sequences of a class each: those of the second one have a repeat of AC."""

    def __init__(self, count):
        generator = torch.Generator().manual_seed(count)
        self.ids = torch.randint(7, 11, (count, 24), generator=generator)
        self.labels = torch.arange(count) % 2
        self.ids[1::2, 6:16] = torch.tensor([7, 8] * 5)

    def __len__(self):
        return len(self.ids)

    def __getitem__(self, place):
        return {"input_ids": self.ids[place], "labels": self.labels[place]}


def trainer_of(model, out, **options):
    pytest.importorskip("accelerate", reason="accelerate is in the hf extra")
    arguments = transformers.TrainingArguments(
        output_dir=str(out),
        per_device_train_batch_size=16,
        learning_rate=1e-2,
        num_train_epochs=12,
        save_steps=36,
        report_to=[],
        use_cpu=True,
        seed=0,
        disable_tqdm=True,
        **options,
    )
    return transformers.Trainer(
        model=model,
        args=arguments,
        train_dataset=Repeats(96),
        eval_dataset=Repeats(64),
        compute_metrics=lambda found: {"accuracy": np.mean(found.predictions.argmax(1) == found.label_ids)},
    )


def test_trainer_fine_tunes_and_commands_read_what_it_saves(own, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    trainer = trainer_of(AutoModelForSequenceClassification.from_pretrained(own), "run")
    trainer.train()
    assert trainer.evaluate()["eval_accuracy"] > 0.9
    trainer.save_model("saved")
    (tmp_path / "x.csv").write_text(
        "sequence\n" + "\n".join(["GATTACAGATTA" + "AC" * 6, "GATTACAGGTCATTGACCATGCCA"]) + "\n"
    )
    assert cli.main(["predict", "--model", "saved", "--input", "x.csv", "--out", "y.tsv"]) == 0
    said = [line.split("\t")[-1] for line in Path("y.tsv").read_text().splitlines()[1:]]
    assert [float(each) > 0.5 for each in said] == [True, False]


def test_trainer_goes_on_from_a_checkpoint_to_the_same_weights(own, tmp_path):
    torch.manual_seed(0)
    trainer = trainer_of(AutoModelForSequenceClassification.from_pretrained(own), tmp_path / "run")
    trainer.train()
    whole = trainer.model.hyena.fingerprint()
    again = trainer_of(AutoModelForSequenceClassification.from_pretrained(own), tmp_path / "run")
    again.train(resume_from_checkpoint=str(tmp_path / "run" / "checkpoint-36"))
    assert again.model.hyena.fingerprint() == whole
    saved = load_file(tmp_path / "run" / "checkpoint-36" / "model.safetensors")
    assert again.model.load_state_dict(saved, strict=False) == ([], [])


def test_recomputed_activations_give_the_same_gradients(own):
    gradients = []
    for recompute in (False, True):
        model = AutoModelForCausalLM.from_pretrained(own)
        if recompute:
            model.gradient_checkpointing_enable()
            assert all(block.recompute for block in model.hyena.backbone.blocks)
        model(IDS, labels=IDS).loss.backward()
        gradients.append(torch.cat([each.grad.flatten() for each in model.parameters()]))
    assert torch.equal(*gradients)


LAYERS = ["in_proj", "out_proj", "fc1", "fc2"]


def adapted(own, **options):
    peft = pytest.importorskip("peft", reason="peft is in the lora extra")
    torch.manual_seed(0)
    model = AutoModelForSequenceClassification.from_pretrained(own)
    settings = peft.LoraConfig(r=4, target_modules=LAYERS, modules_to_save=["head"], **options)
    return peft.get_peft_model(model, settings)


def test_lora_trains_and_merges(own, tmp_path):
    model = adapted(own)
    frozen = {name: tensor.clone() for name, tensor in model.named_parameters() if not tensor.requires_grad}
    trainer = trainer_of(model, tmp_path / "run")
    trainer.train()
    assert trainer.evaluate()["eval_accuracy"] > 0.9
    for name, tensor in model.named_parameters():
        if name in frozen:
            assert torch.equal(tensor, frozen[name]), name
    model.eval()
    # Without gradients a model runs by other code, which must see what was added.
    without, recorded = logits_of(model), model(IDS).logits.detach()
    torch.testing.assert_close(without, recorded, rtol=0, atol=1e-5)
    merged = model.merge_and_unload()
    torch.testing.assert_close(logits_of(merged), without, rtol=0, atol=1e-5)
    merged.save_pretrained(tmp_path / "merged")
    read = HyenaDNA.from_pretrained(tmp_path / "merged")
    torch.testing.assert_close(logits_of(read), without, rtol=0, atol=1e-5)


def test_lora_changes_every_layer_that_it_is_put_on(own):
    for layer in LAYERS:
        model = adapted(own).eval()
        before = logits_of(model)
        for name, tensor in model.named_parameters():
            if f"{layer}.lora_B" in name:
                torch.nn.init.normal_(tensor, std=0.3)
        for found in (logits_of(model), model(IDS).logits.detach()):
            assert (found - before).abs().max() > 1e-3, layer


@pytest.mark.parametrize("modules", ["all-linear", ["implicit_filter.2"], ["word_embeddings"]], ids=str)
def test_merged_adapters_are_the_adapters_anywhere(own, modules):
    peft = pytest.importorskip("peft", reason="peft is in the lora extra")
    torch.manual_seed(0)
    plain = logits_of(AutoModelForCausalLM.from_pretrained(own))
    config = peft.LoraConfig(r=4, init_lora_weights=False, target_modules=modules, task_type="CAUSAL_LM")
    adapted = peft.get_peft_model(AutoModelForCausalLM.from_pretrained(own), config).eval()
    expected = logits_of(adapted)
    assert not torch.allclose(expected, plain, atol=1e-3)
    torch.testing.assert_close(logits_of(adapted.merge_and_unload()), expected, atol=1e-5, rtol=1e-4)


def test_adapters_are_saved_and_read_again(own, tmp_path):
    peft = pytest.importorskip("peft", reason="peft is in the lora extra")
    model = adapted(own).eval()
    for name, tensor in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(tensor, std=0.3)
    model.save_pretrained(tmp_path / "adapter")
    assert not (tmp_path / "adapter" / "model.safetensors").exists()
    torch.manual_seed(1)
    base = AutoModelForSequenceClassification.from_pretrained(own)
    again = peft.PeftModel.from_pretrained(base, tmp_path / "adapter").eval()
    assert torch.equal(logits_of(again), logits_of(model))
    shutil.rmtree(tmp_path / "adapter")


def test_adapted_language_model_scores_by_what_was_added(own):
    peft = pytest.importorskip("peft", reason="peft is in the lora extra")
    model = peft.get_peft_model(
        AutoModelForCausalLM.from_pretrained(own), peft.LoraConfig(r=2, target_modules=LAYERS)
    )
    for name, tensor in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(tensor, std=0.3)
    inner = model.eval().get_base_model().hyena
    drawn = next(generate(inner, "ACGT", 20)).log_likelihoods
    merged = model.merge_and_unload().hyena
    np.testing.assert_allclose(next(generate(merged, "ACGT", 20)).log_likelihoods, drawn, atol=1e-5)
