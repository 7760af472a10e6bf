"""A bigWig written byte by byte from the tables of the format, with none of the library's code."""

import struct
import zlib

HEADER_BYTES, TREE_BYTES, INDEX_BYTES = 64, 32, 48
BEDGRAPH, VARIABLE_STEP, FIXED_STEP = 1, 2, 3


def bigwig_bytes(contigs, sections, *, order="<", compress=True):
    """Return a bigWig.

    Args:
        contigs: Lengths by name.
        sections: ``(contig, kind, items)``, in order. Items of a bedGraph are ``(start, end, value)``, of
            a variable step ``(start, value)`` with a span of 5, and of a fixed step values from 10 on, every
            7 bases, with a span of 3.
        order: ``"<"`` or ``">"``.
        compress: Whether the blocks are compressed.
    """
    numbers = {name: number for number, name in enumerate(contigs)}
    name_bytes = max(len(name) for name in contigs)

    def pack(form, *values):
        return struct.pack(order + form, *values)

    tree = pack("IIIIQQ", 0x78CA8C91, len(contigs), name_bytes, 8, len(contigs), 0)
    tree += pack("BBH", 1, 0, len(contigs))
    for name, length in contigs.items():
        tree += name.encode().ljust(name_bytes, b"\0") + pack("II", numbers[name], length)
    offset = HEADER_BYTES + len(tree)
    data, leaves = pack("I", len(sections)), []
    for contig, kind, items in sections:
        raw, start, end = _section(pack, numbers[contig], kind, items)
        block = zlib.compress(raw) if compress else raw
        leaves.append((numbers[contig], start, numbers[contig], end, offset + len(data), len(block)))
        data += block
    index = pack("IIQIIIIQII", 0x2468ACE0, 256, len(leaves), 0, 0, len(contigs), 0, offset + len(data), 1, 0)
    index += pack("BBH", 1, 0, len(leaves)) + b"".join(pack("IIIIQQ", *leaf) for leaf in leaves)
    header = pack(
        "IHHQQQHHQQIQ",
        *(0x888FFC26, 4, 0, HEADER_BYTES, offset, offset + len(data), 0, 0, 0, 0),
        *(1 << 15 if compress else 0, 0),
    )
    return header + tree + data + index + pack("I", 0x888FFC26)


def _section(pack, contig, kind, items):
    if kind == BEDGRAPH:
        step, span, body = 0, 0, b"".join(pack("IIf", *item) for item in items)
        start, end = items[0][0], items[-1][1]
    elif kind == VARIABLE_STEP:
        step, span, body = 0, 5, b"".join(pack("If", *item) for item in items)
        start, end = items[0][0], items[-1][0] + span
    else:
        step, span, body = 7, 3, b"".join(pack("f", item) for item in items)
        start, end = 10, 10 + step * (len(items) - 1) + span
    return pack("IIIIIBBH", contig, start, end, step, span, kind, 0, len(items)) + body, start, end
