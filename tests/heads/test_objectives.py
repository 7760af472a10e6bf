"""Losses and predictions of fine-tuning against torch.nn.functional and figures by hand."""

import math

import pytest
import torch
from torch.nn.functional import (
    binary_cross_entropy_with_logits,
    cross_entropy,
    mse_loss,
)

from hyenadna_kit.backbone.backbone import BackboneConfig
from hyenadna_kit.batch import IGNORED_LABEL
from hyenadna_kit.heads.sequence import SequenceHeadConfig

FEW, MANY = ("no", "yes"), ("a", "b", "c")
NAN = math.nan


def head(objective, labels, **options):
    config = SequenceHeadConfig(objective=objective, labels=labels, **options)
    return config.build(BackboneConfig(d_model=4))


def draw(*shape):
    return 3 * torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def close(found, expected, *, rel=1e-6):
    assert found.item() == pytest.approx(float(expected), rel=rel)


@pytest.mark.parametrize("shape", [(6,), (6, 1)])
@pytest.mark.parametrize("dtype", [torch.int64, torch.int16, torch.uint8, torch.float32])
def test_binary_loss_is_that_of_pytorch(shape, dtype):
    logits, labels = draw(6, 1), torch.tensor([0, 1, 1, 0, 1, 0])
    expected = binary_cross_entropy_with_logits(logits[:, 0], labels.double())
    close(head("binary", FEW).loss(logits, labels.to(dtype).view(shape)), expected)


def test_binary_loss_by_hand():
    # -log sigmoid(0) = log 2; -log(1 - sigmoid(log 3)) = log 4
    loss = head("binary", FEW).loss(torch.tensor([[0.0], [math.log(3)]]), torch.tensor([1, 0]))
    close(loss, math.log(8) / 2)


def test_weighted_binary_loss_is_that_of_two_classes():
    logits, labels = draw(6, 1), torch.tensor([0, 1, 1, IGNORED_LABEL, 1, 0])
    both = torch.cat([torch.zeros_like(logits), logits], dim=1)
    expected = cross_entropy(both, labels, weight=torch.tensor([0.5, 3.0]).double())
    close(head("binary", FEW, class_weights=(0.5, 3.0)).loss(logits, labels), expected)


@pytest.mark.parametrize("weights", [(), (1.0, 4.0, 0.25)])
@pytest.mark.parametrize("shape", [(8,), (4, 5), (2, 3, 4)])
def test_multiclass_loss_is_that_of_pytorch(shape, weights):
    logits = draw(*shape, 3)
    labels = torch.randint(0, 3, shape, generator=torch.Generator().manual_seed(1))
    labels.view(-1)[2] = IGNORED_LABEL
    weight = torch.tensor(weights).double() if weights else None
    expected = cross_entropy(logits.reshape(-1, 3), labels.reshape(-1), weight=weight)
    close(head("multiclass", MANY, class_weights=weights).loss(logits, labels), expected)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.int64])
def test_multilabel_loss_is_that_of_pytorch(dtype):
    logits, labels = draw(5, 3), (draw(5, 3) > 0).to(dtype)
    close(
        head("multilabel", MANY).loss(logits, labels),
        binary_cross_entropy_with_logits(logits, labels.double()),
    )


def test_weighted_multilabel_loss_is_a_weighted_mean():
    logits, labels, weights = draw(5, 3), (draw(5, 3) > 0).double(), (2.0, 0.5, 8.0)
    total = binary_cross_entropy_with_logits(
        logits, labels, pos_weight=torch.tensor(weights).double(), reduction="sum"
    )
    of_each = [[w if label else 1 for w, label in zip(weights, row, strict=True)] for row in labels.tolist()]
    expected = total / sum(map(sum, of_each))
    close(head("multilabel", MANY, class_weights=weights).loss(logits, labels), expected)


def test_regression_loss_is_in_standard_deviations():
    logits, labels = draw(5, 2), 100 + 7 * draw(5, 2)
    scaled = torch.stack([(labels[:, 0] - 90) / 5, (labels[:, 1] + 3) / 0.25], dim=1)
    scale = {"target_mean": (90.0, -3.0), "target_std": (5.0, 0.25)}
    close(head("regression", FEW, **scale).loss(logits, labels), mse_loss(logits, scaled))
    close(head("regression", FEW).loss(logits, labels), mse_loss(logits, labels))


@pytest.mark.parametrize("shape", [(2,), (2, 1)])
def test_regression_loss_by_hand(shape):
    # 110 is two standard deviations above 100: (0 - 0)^2 and (1 - 2)^2
    scaled = head("regression", ("a",), target_mean=(100.0,), target_std=(5.0,))
    close(scaled.loss(torch.tensor([[0.0], [1.0]]), torch.tensor([100.0, 110.0]).view(shape)), 0.5)


def test_values_far_from_0_are_standardised_before_they_are_rounded():
    labels = 1e9 + torch.tensor([-1.0, 0.0, 2.0], dtype=torch.float64)
    scaled = head("regression", ("a",), target_mean=(1e9,), target_std=(1.0,))
    loss = scaled.loss(torch.tensor([[-1.0], [0.0], [2.0]]), labels)
    assert loss.dtype == torch.float32
    assert loss.item() == 0


LABELLED = {
    "binary": (FEW, [[1], [0], [IGNORED_LABEL]], {"class_weights": (2.0, 3.0)}),
    "multilabel, NaN": (
        MANY,
        [[1.0, NAN, 0.0], [NAN, NAN, 1.0], [NAN, NAN, NAN]],
        {"class_weights": (2.0, 3.0, 4.0)},
    ),
    "multilabel, -100": (MANY, [[1, IGNORED_LABEL, 0], [0, IGNORED_LABEL, 1], [1, 1, 0]], {}),
    "regression": (FEW, [[1.0, NAN], [NAN, NAN], [5.0, 7.0]], {"target_std": (2.0, 3.0)}),
}


@pytest.mark.parametrize(("names", "labels", "options"), LABELLED.values(), ids=LABELLED.keys())
def test_label_that_is_not_there_counts_for_nothing(request, names, labels, options):
    objective = request.node.callspec.id.split(",")[0]
    own, labels = head(objective, names, **options), torch.tensor(labels)
    logits = draw(*labels.shape).requires_grad_()
    own.loss(logits, labels).backward()
    is_there = ~(labels.isnan() | (labels == IGNORED_LABEL))
    assert not logits.grad[~is_there].any()
    assert logits.grad[is_there].all()
    # Other logits and labels there change neither the loss nor the other gradients.
    other = (logits.detach() + 50 * ~is_there).requires_grad_()
    own.loss(other, labels).backward()
    assert torch.equal(other.grad, logits.grad)


def test_minus_100_is_a_value_of_a_regression():
    close(head("regression", ("a",)).loss(torch.tensor([[-99.0]]), torch.tensor([-100.0])), 1)


def test_class_156_of_uint8_counts():
    many = head("multiclass", tuple(map(str, range(200))))
    loss = many.loss(torch.zeros(1, 200), torch.tensor([156], dtype=torch.uint8))
    close(loss, math.log(200))


@pytest.mark.parametrize(
    ("objective", "labels"),
    [
        ("binary", torch.tensor([[1, 0], [0, 1]])),
        ("multiclass", torch.tensor([[1, 2], [0, IGNORED_LABEL]])),
        ("multilabel", torch.tensor([[[1.0, 0, 1], [0, NAN, 1]], [[1, 1, 1], [0, 0, 0]]])),
        ("regression", torch.tensor([[[1.0, 0, 1], [0, NAN, 1]], [[1, 1, 1], [0, 0, 0]]])),
    ],
)
def test_loss_of_batches_is_their_mean_by_what_their_labels_count(objective, labels):
    names = FEW if objective == "binary" else MANY
    options = {} if objective == "regression" else {"class_weights": (2.0, 5.0, 0.5)[: len(names)]}
    own = head(objective, names, **options)
    logits, weights = draw(2, 2, own.config.num_outputs), torch.tensor([[1.0, 0.5], [3.0, 0.0]])
    together = own.loss(logits, labels, weights)
    losses = [own.loss(logits[row], labels[row], weights[row]) for row in (0, 1)]
    counts = [own.label_weights(labels[row], weights[row]).sum() for row in (0, 1)]
    total = sum(loss * count for loss, count in zip(losses, counts, strict=True))
    close(together, total / sum(counts))


def test_weight_of_a_row_is_that_of_all_its_columns():
    logits, labels, weights = draw(4, 3), (draw(4, 3) > 0).double(), torch.tensor([1.0, 0.0, 2.5, 0.5])
    errors = binary_cross_entropy_with_logits(logits, labels, reduction="none")
    expected = (errors.mean(1) * weights).sum() / weights.sum()
    close(head("multilabel", MANY).loss(logits, labels, weights), expected)


def test_predictions_of_each_objective():
    logits = torch.tensor([[0.0], [math.log(3)]])
    assert head("binary", FEW).predictions(logits)[:, 0].tolist() == pytest.approx([0.5, 0.75])
    logits = torch.tensor([[0.0, math.log(2), math.log(5)]])
    assert head("multiclass", MANY).predictions(logits)[0].tolist() == pytest.approx([1 / 8, 2 / 8, 5 / 8])
    assert head("multilabel", MANY).predictions(logits)[0].tolist() == pytest.approx([1 / 2, 2 / 3, 5 / 6])
    scaled = head("regression", FEW, target_mean=(100.0, -1.0), target_std=(5.0, 0.5))
    assert scaled.predictions(torch.tensor([[2.0, -1.0]])).tolist() == [[110.0, -1.5]]
    assert head("regression", FEW).predictions(torch.tensor([[2.0, -1.0]])).tolist() == [[2.0, -1.0]]


def test_predictions_are_float32_at_least():
    for objective, names in (("binary", FEW), ("multiclass", MANY), ("regression", MANY)):
        own = head(objective, names)
        logits = draw(2, own.config.num_outputs)
        assert own.predictions(logits.bfloat16()).dtype == torch.float32
        assert own.predictions(logits).dtype == torch.float64


def test_scale_of_the_labels_stays_exact_in_a_model_of_bfloat16():
    scaled = head("regression", ("a",), target_mean=(1234.5678,), target_std=(1.0,)).bfloat16()
    assert scaled.predictions(torch.zeros(1, 1).bfloat16()).item() == pytest.approx(1234.5678, rel=1e-7)


SHAPES = {
    "binary": ((4, 1), (4, 2), r"labels of a binary head must have the shape \(4, 1\) for logits of shape"),
    "multiclass": ((4, 3), (4, 3), r"must have the shape \(4,\) for logits of shape \(4, 3\), got \(4, 3\)"),
    "multilabel": ((4, 3), (4,), r"must have the shape \(4, 3\) for logits of shape \(4, 3\), got \(4,\)"),
    "regression": (
        (4, 3),
        (3, 4),
        r"must have the shape \(4, 3\) for logits of shape \(4, 3\), got \(3, 4\)",
    ),
}


@pytest.mark.parametrize(("logits", "labels", "message"), SHAPES.values(), ids=SHAPES.keys())
def test_labels_of_another_shape_are_refused(request, logits, labels, message):
    objective = request.node.callspec.id
    own = head(objective, FEW if objective == "binary" else MANY)
    with pytest.raises(ValueError, match=message):
        own.loss(torch.zeros(logits), torch.zeros(labels, dtype=torch.long))


def test_weights_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"weights must have the shape of the labels, \(4, 3\), got \(3,\)"):
        head("multilabel", MANY).loss(torch.zeros(4, 3), torch.zeros(4, 3), torch.ones(3))
