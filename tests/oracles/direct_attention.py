"""Attention from its definition: a loop over heads, positions and what each of them sees.

In PyTorch for its gradients alone: sines, cosines and exponentials one by one, in float64, no shared code.
"""

import math

import torch


def attention(tensors, hidden, num_heads, *, base=10_000.0, bidirectional=False, mask=None):
    """Return the mixed states of ``hidden`` (batch, length, d_model); zeros where nothing is seen."""
    projected = hidden @ tensors["in_proj.weight"].T + tensors["in_proj.bias"]
    query, key, value = (_heads(part, num_heads) for part in projected.chunk(3, dim=2))
    rows = []
    for row, (queries, keys, values) in enumerate(zip(query, key, value, strict=True)):
        mixed = []
        for position in range(len(queries)):
            last = len(queries) if bidirectional else position + 1
            seen = [other for other in range(last) if mask is None or mask[row, other]]
            heads = [
                _mean(queries[position, head], keys[seen, head], values[seen, head], position, seen, base)
                for head in range(num_heads)
            ]
            mixed.append(torch.cat(heads))
        rows.append(torch.stack(mixed))
    return torch.stack(rows) @ tensors["out_proj.weight"].T + tensors["out_proj.bias"]


def _heads(states, num_heads):
    batch, length, width = states.shape
    return states.reshape(batch, length, num_heads, width // num_heads)


def _mean(query, keys, values, position, seen, base):
    """Return the mean of the values, each weighed by the exponential of its score."""
    if not seen:
        return torch.zeros_like(query)
    weights = torch.stack(
        [torch.exp(score(query, key, position - other, base)) for key, other in zip(keys, seen, strict=True)]
    )
    return (weights[:, None] * values).sum(0) / weights.sum()


def score(query, key, distance, base):
    """Return the scaled product of a query and a key that lies ``distance`` positions before it."""
    width, total = len(query), 0.0
    for pair in range(width // 2):
        angle = distance * base ** (-2 * pair / width)
        (a, b), (c, d) = query[2 * pair : 2 * pair + 2], key[2 * pair : 2 * pair + 2]
        total = total + (a * c + b * d) * math.cos(angle) + (a * d - b * c) * math.sin(angle)
    return total / math.sqrt(width)
