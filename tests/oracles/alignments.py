"""Alignments with a known truth: files written from plain values, and tracks counted base by base."""

import re
from typing import NamedTuple

import pysam

CONTIGS = {"chr1": 300, "chr2": 120}

PAIRED, UNMAPPED, MATE_UNMAPPED, REVERSE, FIRST, SECOND = 0x1, 0x4, 0x8, 0x10, 0x40, 0x80
SECONDARY, QC_FAIL, DUPLICATE, SUPPLEMENTARY = 0x100, 0x200, 0x400, 0x800


class Alignment(NamedTuple):
    """One record as SAM writes it, but for a start that counts from 0."""

    start: int
    cigar: str
    flags: int = 0
    name: str = "read"
    contig: str | None = "chr1"
    mapping_quality: int = 60
    sequence: str | None = "made"
    qualities: tuple[int, ...] | None = ()
    mate_start: int = -1


def operations(cigar):
    return [(int(length), letter) for length, letter in re.findall(r"(\d+)([MIDNSHP=X])", cigar)]


def num_query_bases(cigar):
    return sum(length for length, letter in operations(cigar) if letter in "MIS=X")


def end_of(alignment):
    return alignment.start + sum(n for n, letter in operations(alignment.cigar) if letter in "MDN=X")


def aligned_pairs(alignment):
    """Return (position in the stored read, position on the contig) of every aligned base."""
    pairs, query, position = [], 0, alignment.start
    for length, letter in operations(alignment.cigar):
        if letter in "M=X":
            pairs += [(query + k, position + k) for k in range(length)]
        query += length if letter in "MIS=X" else 0
        position += length if letter in "MDN=X" else 0
    return pairs


def bases_of(alignment):
    """Return the stored sequence: that of the record, or one that its name and CIGAR decide."""
    if alignment.sequence != "made":
        return alignment.sequence
    seed = sum(map(ord, alignment.name))
    return "".join("ACGT"[(seed + k * k // 3) % 4] for k in range(num_query_bases(alignment.cigar)))


def qualities_of(alignment):
    if alignment.qualities == ():
        return tuple(2 + (k * 7 + alignment.start) % 39 for k in range(len(bases_of(alignment) or "")))
    return alignment.qualities


def write_bam(path, alignments, contigs=None, *, mode="wb", index=True, reference=None):
    """Write alignments, sorted by place, and the index beside them."""
    contigs = CONTIGS if contigs is None else contigs
    lines = [{"SN": name, "LN": length} for name, length in contigs.items()]
    header = pysam.AlignmentHeader.from_dict({"HD": {"VN": "1.6", "SO": "coordinate"}, "SQ": lines})
    order = {name: number for number, name in enumerate(contigs)}
    placed = sorted(alignments, key=lambda a: (order.get(a.contig, len(order)), a.start))
    with pysam.AlignmentFile(str(path), mode, header=header, reference_filename=reference) as handle:
        for alignment in placed:
            handle.write(segment(alignment, header))
    if index:
        pysam.index(str(path))
    return path


def segment(alignment, header):
    record = pysam.AlignedSegment(header)
    record.query_name = alignment.name
    record.flag = alignment.flags
    record.reference_id = header.get_tid(alignment.contig) if alignment.contig else -1
    record.reference_start = alignment.start if alignment.contig else -1
    record.mapping_quality = alignment.mapping_quality
    record.query_sequence = bases_of(alignment)
    record.cigarstring = alignment.cigar or None
    if alignment.qualities is not None and record.query_sequence:
        record.query_qualities = pysam.qualitystring_to_array(
            "".join(chr(33 + score) for score in qualities_of(alignment))
        )
    if alignment.mate_start >= 0:
        record.next_reference_id = record.reference_id
        record.next_reference_start = alignment.mate_start
    return record


def coverage_by_base(alignments, contig, start, end, *, min_base_quality=0):
    """Count every aligned base one by one."""
    counts = dict.fromkeys(range(start, end), 0)
    for alignment in alignments:
        qualities = qualities_of(alignment)
        for query, position in aligned_pairs(alignment) if alignment.contig == contig else ():
            is_good = not qualities or qualities[query] >= min_base_quality
            counts[position] = counts.get(position, 0) + is_good
    return [counts[position] for position in range(start, end)]


def insertions_before(alignment, min_length):
    """Return the positions right behind the insertions of one read."""
    cigar = re.sub(r"\d+P", "", alignment.cigar)
    while merged := re.sub(r"(\d+)I(\d+)I", lambda m: f"{int(m[1]) + int(m[2])}I", cigar):
        if merged == cigar:
            break
        cigar = merged
    places, position = [], alignment.start
    for length, letter in operations(cigar):
        if letter == "I" and length >= min_length:
            places.append(position)
        position += length if letter in "MDN=X" else 0
    return places
