"""Kernels of the short convolution and the gate, forward and backward.

A program has a block of channels of all projections. Whichever axis of the projections is contiguous is
read in runs, since the compiler takes a stride of 1 for a constant; a delayed block is read again, from
the cache. Channels and positions beyond the ends are read as 0. Offsets are int64, sums float32.

Letters:

    C, L       channels of one projection, positions
    BLOCK_*    how many of them are computed at a time, powers of two
    c, n       channels and positions of the block, [BLOCK_C] and [1, BLOCK_L]
    p          rows of the projections, ``index C + c``: the gates x_0, ... come first and v last
    x, v       rows of the last gate and of v; also the prefixes of what is theirs
    lag        positions upstream at which a tap looks; it is the tap NUM_TAPS - 1 - lag
    mixed      a projection after the convolution, before the gate
    to_        the gradient of the projections: where a result goes
    SUMS       a power of two, NUM_TAPS + 1 or more
"""

from typing import no_type_check

import triton
import triton.language as tl


@triton.jit
@no_type_check
def write_streams(
    projected, taps, bias, streams, channels, length,
    batch_stride, row_stride, position_stride, stream_stride,
    NUM_STREAMS: tl.constexpr, NUM_TAPS: tl.constexpr, BLOCK_C: tl.constexpr, BLOCK_L: tl.constexpr,
):  # fmt: skip
    """Write a block of every stream.

    ``taps`` is [NUM_TAPS, projections], ``streams`` [NUM_STREAMS, batch, C, L].
    """
    batch, c, group, _ = _place(channels, length, BLOCK_C, BLOCK_L)
    n = group * BLOCK_L + tl.arange(0, BLOCK_L)[None, :]
    present, projections = c < channels, (NUM_STREAMS + 1) * channels
    projected += batch * batch_stride
    target = streams + (batch * channels + c)[:, None] * length + n
    for index in tl.static_range(NUM_STREAMS):
        p = index * channels + c
        rows = projected + p[:, None] * row_stride
        mixed = _mix(rows, position_stride, p, present, n, length, taps, bias, projections, 0, NUM_TAPS)
        if index == NUM_STREAMS - 1:
            p += channels
            rows = projected + p[:, None] * row_stride
            mixed *= _mix(rows, position_stride, p, present, n, length, taps, bias, projections, 0, NUM_TAPS)
        tl.store(target, mixed.to(streams.dtype.element_ty), mask=present[:, None] & (n < length))
        target += stream_stride


@triton.jit
@no_type_check
def write_passed_gradients(
    gradient, projected, taps, to_projected, sums, channels, length, stream_stride,
    batch_stride, row_stride, position_stride, to_batch_stride, to_row_stride, to_position_stride,
    NUM_STREAMS: tl.constexpr, NUM_TAPS: tl.constexpr, SUMS: tl.constexpr,
    BLOCK_C: tl.constexpr, BLOCK_L: tl.constexpr, NUM_BLOCKS: tl.constexpr,
):  # fmt: skip
    """Write NUM_BLOCKS blocks of gradients of what passes: not of the last gate, not of v.

    ``taps`` is [NUM_TAPS, projections], ``gradient`` [NUM_STREAMS, batch, C, L], ``sums`` what the blocks
    add to the gradients of taps and bias: [batch * groups, projections, NUM_TAPS + 1], the bias last.
    """
    batch, c, group, part = _place(channels, length, BLOCK_C, BLOCK_L * NUM_BLOCKS)
    present, projections = c < channels, (NUM_STREAMS + 1) * channels
    gradient += (batch * channels + c)[:, None] * length
    projected += batch * batch_stride
    to_projected += batch * to_batch_stride
    sums += part * projections * (NUM_TAPS + 1)
    for index in tl.static_range(NUM_STREAMS - 1):
        p = index * channels + c
        rows = projected + p[:, None] * row_stride
        total = tl.zeros([BLOCK_C, SUMS], tl.float32)
        for block in range(NUM_BLOCKS):
            n = (group * NUM_BLOCKS + block) * BLOCK_L + tl.arange(0, BLOCK_L)[None, :]
            found = tl.zeros([BLOCK_C, BLOCK_L], tl.float32)
            # The last lag is 0: what it leaves is the gradient of the block itself.
            for lag in tl.static_range(NUM_TAPS - 1, -1, -1):
                inside = present[:, None] & (n + lag < length)
                mixed = tl.load(gradient + n + lag, mask=inside, other=0.0).to(tl.float32)
                tap = tl.load(taps + (NUM_TAPS - 1 - lag) * projections + p, mask=present, other=0.0)
                found += tap.to(tl.float32)[:, None] * mixed
            total += _sums(mixed, rows, position_stride, present, n, length, NUM_TAPS, SUMS)
            target = to_projected + p[:, None] * to_row_stride + n * to_position_stride
            tl.store(target, found.to(to_projected.dtype.element_ty), mask=present[:, None] & (n < length))
        _store_sums(sums, total, p, present, NUM_TAPS, SUMS)
        gradient += stream_stride


@triton.jit
@no_type_check
def write_gated_gradients(
    gradient, projected, taps, bias, to_projected, sums, channels, length,
    batch_stride, row_stride, position_stride, to_batch_stride, to_row_stride, to_position_stride,
    NUM_STREAMS: tl.constexpr, NUM_TAPS: tl.constexpr, SUMS: tl.constexpr,
    BLOCK_C: tl.constexpr, BLOCK_L: tl.constexpr, NUM_BLOCKS: tl.constexpr,
):  # fmt: skip
    """Write NUM_BLOCKS blocks of the gradients of the last gate and of v.

    ``gradient`` is that of their product, [batch, C, L]; the rest as in ``write_passed_gradients``.
    """
    batch, c, group, part = _place(channels, length, BLOCK_C, BLOCK_L * NUM_BLOCKS)
    present, projections = c < channels, (NUM_STREAMS + 1) * channels
    gradient += (batch * channels + c)[:, None] * length
    x, v = (NUM_STREAMS - 1) * channels + c, NUM_STREAMS * channels + c
    x_rows = projected + batch * batch_stride + x[:, None] * row_stride
    v_rows = projected + batch * batch_stride + v[:, None] * row_stride
    x_total, v_total = tl.zeros([BLOCK_C, SUMS], tl.float32), tl.zeros([BLOCK_C, SUMS], tl.float32)
    for block in range(NUM_BLOCKS):
        n = (group * NUM_BLOCKS + block) * BLOCK_L + tl.arange(0, BLOCK_L)[None, :]
        x_found, v_found = tl.zeros([BLOCK_C, BLOCK_L], tl.float32), tl.zeros([BLOCK_C, BLOCK_L], tl.float32)
        for lag in tl.static_range(NUM_TAPS - 1, -1, -1):
            inside = present[:, None] & (n + lag < length)
            gated = tl.load(gradient + n + lag, mask=inside, other=0.0).to(tl.float32)
            of_x = gated * _mix(
                v_rows, position_stride, v, present, n, length, taps, bias, projections, lag, NUM_TAPS
            )
            of_v = gated * _mix(
                x_rows, position_stride, x, present, n, length, taps, bias, projections, lag, NUM_TAPS
            )
            row = taps + (NUM_TAPS - 1 - lag) * projections
            x_found += tl.load(row + x, mask=present, other=0.0).to(tl.float32)[:, None] * of_x
            v_found += tl.load(row + v, mask=present, other=0.0).to(tl.float32)[:, None] * of_v
        x_total += _sums(of_x, x_rows, position_stride, present, n, length, NUM_TAPS, SUMS)
        v_total += _sums(of_v, v_rows, position_stride, present, n, length, NUM_TAPS, SUMS)
        # Both are stored after all is read: the compiler then reads each delayed block once.
        target = to_projected + batch * to_batch_stride + n * to_position_stride
        inside = present[:, None] & (n < length)
        tl.store(target + x[:, None] * to_row_stride, x_found.to(to_projected.dtype.element_ty), mask=inside)
        tl.store(target + v[:, None] * to_row_stride, v_found.to(to_projected.dtype.element_ty), mask=inside)
    sums += part * projections * (NUM_TAPS + 1)
    _store_sums(sums, x_total, x, present, NUM_TAPS, SUMS)
    _store_sums(sums, v_total, v, present, NUM_TAPS, SUMS)


@triton.jit
@no_type_check
def _place(channels, length, BLOCK_C: tl.constexpr, WIDTH: tl.constexpr):
    """Return row of the batch, channels and group of WIDTH positions; last the index of row and group.

    Neighbours in the grid differ in channels.
    """
    program, blocks = tl.program_id(0).to(tl.int64), tl.cdiv(channels, BLOCK_C)
    c = (program % blocks) * BLOCK_C + tl.arange(0, BLOCK_C)
    part, groups = program // blocks, (length - 1) // WIDTH + 1
    return part // groups, c, part % groups, part


@triton.jit
@no_type_check
def _mix(
    rows, position_stride, p, present, n, length, taps, bias, projections,
    SHIFT: tl.constexpr, NUM_TAPS: tl.constexpr,
):  # fmt: skip
    """Return the positions ``n + SHIFT`` of rows after the convolution."""
    mixed = tl.load(bias + p, mask=present, other=0.0).to(tl.float32)[:, None]
    for lag in tl.static_range(NUM_TAPS):
        positions = n + (SHIFT - lag)
        inside = present[:, None] & (positions >= 0) & (positions < length)
        delayed = tl.load(rows + positions * position_stride, mask=inside, other=0.0).to(tl.float32)
        tap = tl.load(taps + (NUM_TAPS - 1 - lag) * projections + p, mask=present, other=0.0)
        mixed = mixed + tap.to(tl.float32)[:, None] * delayed
    return mixed


@triton.jit
@no_type_check
def _sums(mixed, rows, position_stride, present, n, length, NUM_TAPS: tl.constexpr, SUMS: tl.constexpr):
    """Return [BLOCK_C, SUMS]: what the gradient ``mixed`` of a block adds to the taps, then to the bias."""
    column = tl.arange(0, SUMS)[None, :]
    sums = tl.where(column == NUM_TAPS, tl.sum(mixed, axis=1)[:, None], 0.0)
    for lag in tl.static_range(NUM_TAPS):
        positions = n + (0 - lag)  # as _mix writes it: the compiler then sees that it is read already
        inside = present[:, None] & (positions >= 0) & (positions < length)
        delayed = tl.load(rows + positions * position_stride, mask=inside, other=0.0).to(tl.float32)
        sums += tl.where(column == NUM_TAPS - 1 - lag, tl.sum(mixed * delayed, axis=1)[:, None], 0.0)
    return sums


@triton.jit
@no_type_check
def _store_sums(sums, values, p, present, NUM_TAPS: tl.constexpr, SUMS: tl.constexpr):
    column = tl.arange(0, SUMS)[None, :]
    tl.store(
        sums + p[:, None] * (NUM_TAPS + 1) + column, values, mask=present[:, None] & (column <= NUM_TAPS)
    )
