"""Genes that are made up base by base: exons, introns, UTRs and a CDS that is one.

Everything is made in the direction of reading and turned to its strand at the end.
"""

from itertools import pairwise
from typing import NamedTuple

from Bio.Data import CodonTable

from hyenadna_kit.genome.annotation import Annotation, Gene, Transcript
from hyenadna_kit.genome.contigs import ContigNames
from hyenadna_kit.genome.interval import Interval, Strand

COMPLEMENTS = str.maketrans("ACGTN", "TGCAN")
ALPHABETS = ("ACGT", "ACGT", "AC", "AG", "AT", "GT")
"""What a gene is made of: of two letters, it is full of repeats."""


class MadeGene(NamedTuple):
    """A gene alone on its contig; spans are ``(start, end)`` on the forward strand, ascending."""

    contig: str
    bases: str
    strand: str
    exons: list[tuple[int, int]]
    cds: list[tuple[int, int]]

    def turned(self):
        """Return the same gene on the other strand of its contig."""
        size, strand = len(self.bases), "-" if self.strand == "+" else "+"
        spans = ([(size - e, size - s) for s, e in reversed(each)] for each in (self.exons, self.cds))
        return MadeGene(self.contig, turned(self.bases), strand, *spans)


def turned(bases):
    return bases.translate(COMPLEMENTS)[::-1]


def draw(rng, length, alphabet="ACGT"):
    return "".join(rng.choice(alphabet) for _ in range(length))


def draw_cds(rng, num_codons, alphabet="ACGT", table=1):
    """Return a start codon, codons that are no stops, and a stop codon."""
    code = CodonTable.unambiguous_dna_by_id[table]
    codons = []
    while len(codons) < num_codons:
        codon = draw(rng, 3, alphabet)
        if codon not in code.stop_codons:
            codons.append(codon)
    start = "ATG" if table == 1 else rng.choice(sorted(code.start_codons))
    return "".join([start, *codons, rng.choice(sorted(code.stop_codons))])


def make_gene(rng, contig, strand, num_exons, *, num_codons=14, flank=70, table=1):
    """Return a gene with UTRs, whose exons and codons are cut anywhere; introns begin GT and end AG."""
    alphabet = rng.choice(ALPHABETS)
    before, behind = (draw(rng, rng.randint(5, 15), alphabet) for _ in range(2))
    cds = draw_cds(rng, num_codons, alphabet, table)
    message = before + cds + behind
    cuts = [0, *sorted(rng.sample(range(1, len(message)), num_exons - 1)), len(message)]
    bases, exons = draw(rng, flank), []
    for start, end in pairwise(cuts):
        if exons:
            bases += f"GT{draw(rng, rng.randint(20, 40), alphabet)}AG"
        exons.append((len(bases), len(bases) + end - start))
        bases += message[start:end]
    bases += draw(rng, flank)
    read = [at for exon in exons for at in range(*exon)][len(before) : len(before) + len(cds)]
    parts = [(max(start, read[0]), min(end, read[-1] + 1)) for start, end in exons]
    made = MadeGene(contig, bases, "+", exons, [part for part in parts if part[0] < part[1]])
    return made if strand == "+" else made.turned()


def as_gene(made, name="g", **more):
    """Return the gene as a value of the library, with one transcript."""
    strand = Strand(made.strand)
    exons, cds = (
        tuple(Interval(made.contig, *span, strand) for span in spans) for spans in (made.exons, made.cds)
    )
    span = Interval(made.contig, made.exons[0][0], made.exons[-1][1], strand)
    return Gene(name, span, (Transcript(f"{name}.t", name, span, exons, cds, **more),))


def as_annotation(*made, **more):
    return Annotation(tuple(as_gene(each, f"g{number}", **more) for number, each in enumerate(made)))


class TextGenome:
    """Contigs as text, with what a finder of consequences asks of a genome."""

    def __init__(self, texts):
        self.texts, self.names = texts, ContigNames(texts)
        self.contigs = {name: len(bases) for name, bases in texts.items()}

    def fetch(self, interval):
        text, start, end = self.texts[interval.contig], interval.start, interval.end
        bases = "N" * min(-start, end - start) + text[max(start, 0) : max(end, 0)]
        bases += "N" * (end - start - len(bases))
        return bases if interval.strand is Strand.FORWARD else turned(bases)


def ensembl_gff3(made):
    """Return GFF3 as Ensembl writes it."""
    lines = ["##gff-version 3"]
    for number, gene in enumerate(made):
        lines += _gff3_of_gene(gene, number)
    return "\n".join([*lines, ""])


def _gff3_of_gene(made, number):
    def line(kind, start, end, attributes, phase="."):
        columns = (made.contig, "made", kind, start + 1, end, ".", made.strand, phase, attributes)
        return "\t".join(map(str, columns))

    whole, parent = (made.exons[0][0], made.exons[-1][1]), f"Parent=transcript:T{number}"
    yield line("gene", *whole, f"ID=gene:G{number};biotype=protein_coding")
    yield line("mRNA", *whole, f"ID=transcript:T{number};Parent=gene:G{number};biotype=protein_coding")
    for span in made.exons:
        yield line("exon", *span, parent)
    for kind, *span in _untranslated(made):
        yield line(kind, *span, parent)
    done = 0
    for start, end in made.cds if made.strand == "+" else reversed(made.cds):
        yield line("CDS", start, end, f"ID=CDS:P{number};{parent}", phase=-done % 3)
        done += end - start


def _untranslated(made):
    first, last = made.cds[0][0], made.cds[-1][1]
    kinds = ["five_prime_UTR", "three_prime_UTR"]
    before, behind = kinds if made.strand == "+" else reversed(kinds)
    for start, end in made.exons:
        if start < first:
            yield before, start, min(end, first)
        if end > last:
            yield behind, max(start, last), end
