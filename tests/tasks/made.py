"""Small genomes with genes on them, and plain loops that look at the windows of a task."""

import tempfile
from pathlib import Path

import numpy as np
from hypothesis import event, reject
from hypothesis import strategies as st

from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.annotation import Annotation, Gene, Transcript
from hyenadna_kit.genome.interval import Interval, Strand
from hyenadna_kit.io.fasta import Fasta
from hyenadna_kit.tasks.source import TaskSource

COMPLEMENTS = dict(zip("ACGTN", "TGCAN", strict=True))
STRANDS = {"+": Strand.FORWARD, "-": Strand.REVERSE}


def text_genome(contigs):
    """Return contigs as a genome that is read into memory at once; its file is gone."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "memory.fa"
        path.write_text("".join(f">{name}\n{bases}\n" for name, bases in contigs.items()))
        genome = Fasta(path)
        assert genome.contigs == {name: len(bases) for name, bases in contigs.items()}
    return genome


def interval(contig, start, end, strand="+"):
    return Interval(contig, start, end, STRANDS[strand])


def gene(name, contig, strand, *transcripts, biotype="", has_strand=True):
    """Return a gene; a transcript is given as its exons and its CDS segments, as pairs."""
    made = []
    for number, (exons, cds) in enumerate(transcripts):
        parts = [tuple(interval(contig, *part, strand) for part in parts) for parts in (exons, cds)]
        span = interval(contig, exons[0][0], exons[-1][1], strand)
        made.append(
            Transcript(f"{name}.{number}", name, span, exons=parts[0], cds=parts[1], has_strand=has_strand)
        )
    start = min(each.interval.start for each in made)
    end = max(each.interval.end for each in made)
    return Gene(name, interval(contig, start, end, strand), tuple(made), biotype=biotype)


def source(contigs, genes, length, **options):
    return TaskSource(
        genome=text_genome(contigs), annotation=Annotation(tuple(genes)), length=length, **options
    )


def read_bases(contigs, window):
    """Return the bases of a window as it is read, by plain indexing."""
    bases = contigs[window.contig][window.start : window.end].upper()
    if window.strand is Strand.FORWARD:
        return bases
    return "".join(COMPLEMENTS[base] for base in reversed(bases))


def positions(window):
    return {(window.contig, position) for position in range(window.start, window.end)}


def attempt(find, made, seed):
    """Return what a task finds; a source that has nothing to find is no test case."""
    try:
        return find(made, np.random.default_rng(seed))
    except InputError:
        event("nothing to find")
        reject()


def labels_of(examples):
    return [example.label for example in examples]


def random_bases(seed, length, letters="ACGT"):
    """Return random bases, all different for different seeds."""
    return "".join(np.random.default_rng(seed).choice(list(letters), length).tolist())


@st.composite
def gene_plans(draw, contig_length, contigs="ab"):
    """Return the arguments of :func:`gene` for some genes, as plain data; they may overlap."""
    plans = []
    for number in range(draw(st.integers(1, 4))):
        transcripts = []
        for _ in range(draw(st.integers(1, 2))):
            borders = draw(st.lists(st.integers(0, contig_length), min_size=2, max_size=8, unique=True))
            borders = sorted(borders[: len(borders) // 2 * 2])
            exons = list(zip(borders[::2], borders[1::2], strict=True))
            transcripts.append((exons, exons[: draw(st.integers(0, len(exons)))]))
        kind = draw(st.sampled_from(["", "", "pseudogene"]))
        plans.append(
            (f"g{number}", draw(st.sampled_from(contigs)), draw(st.sampled_from("+-")), transcripts, kind)
        )
    return plans


def genes_of(plans):
    """Return the genes that were planned."""
    return [gene(name, contig, strand, *parts, biotype=kind) for name, contig, strand, parts, kind in plans]


def functional_transcripts(plans):
    """Yield contig, strand, exons and CDS of every transcript that is of no pseudogene."""
    for _, contig, strand, transcripts, kind in plans:
        if not kind:
            for exons, cds in transcripts:
                yield contig, strand, exons, cds
