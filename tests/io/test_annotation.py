"""Gene models from every format: one model told in four, the oddities of each, and real genomes."""

import gzip
import io
import re

import pytest
from Bio import SeqIO
from hypothesis import given, settings
from hypothesis import strategies as st

from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.alphabet import reverse_complement
from hyenadna_kit.genome.annotation import fold_circular
from hyenadna_kit.genome.interval import Interval, Strand
from hyenadna_kit.io.annotation import read_annotation, read_format
from hyenadna_kit.io.fasta import Fasta
from tests.oracles.vcf import write_bgzip

REAL = [pytest.mark.real_data, pytest.mark.usefixtures("no_shape_checks")]


def read(tmp_path, text, name="a.txt"):
    path = tmp_path / name
    path.write_text(text)
    return read_annotation(path)


def gff3(*lines):
    """Return a GFF3 file; the columns type, start, end, strand, phase and attributes are parted by blanks."""
    return "##gff-version 3\n" + "".join(f"{line}\n" for line in map(columns, lines))


def gtf(*lines):
    return "".join(f"{columns(line)}\n" for line in lines)


def columns(line):
    kind, start, end, strand, phase, attributes = line.split(maxsplit=5)
    return "\t".join(["c", ".", kind, start, end, ".", strand, phase, attributes])


def genbank(features, length=100, topology="linear"):
    """Return a record whose features are given as (kind, location, qualifier lines)."""
    rows = []
    for kind, location, *qualifiers in features:
        rows.append(f"     {kind:<16}{location}")
        rows += [f"{'':21}/{qualifier}" for qualifier in qualifiers]
    return "\n".join(
        [
            f"LOCUS       c {length:>26} bp    DNA     {topology:<8} UNK 01-JAN-1980",
            "DEFINITION  .",
            "ACCESSION   c",
            "VERSION     c",
            "FEATURES             Location/Qualifiers",
            *rows,
            "ORIGIN",
            *(
                f"{start + 1:>9} " + " ".join(["acgtacgtac"] * ((min(60, length - start) + 9) // 10))
                for start in range(0, length, 60)
            ),
            "//\n",
        ]
    )


def spans(intervals):
    return [(part.start, part.end) for part in intervals]


def model(transcript):
    """Return what a test states of a transcript: strand, exons and CDS as 0-based half-open pairs."""
    assert {part.strand for part in (*transcript.exons, *transcript.cds)} == {transcript.strand}
    return transcript.strand.value, spans(transcript.exons), spans(transcript.cds)


def models(annotation):
    return {transcript.name: model(transcript) for transcript in annotation.transcripts}


SPLICED = ("-", [(10, 30), (40, 60), (80, 90)], [(20, 30), (40, 60), (80, 85)])

IN_GFF3 = gff3(
    "gene 11 90 - . ID=g;Name=abc;gene_biotype=protein_coding",
    "mRNA 11 90 - . ID=t;Parent=g",
    "exon 81 90 - . Parent=t",
    "exon 41 60 - . Parent=t",
    "exon 11 30 - . Parent=t",
    "CDS 81 85 - 0 ID=p;Parent=t",
    "CDS 41 60 - 1 ID=p;Parent=t",
    "CDS 21 30 - 2 ID=p;Parent=t",
    "five_prime_UTR 86 90 - . Parent=t",
)
IN_GTF = gtf(
    'gene 11 90 - . gene_id "g"; gene_name "abc"; gene_biotype "protein_coding";',
    'transcript 11 90 - . gene_id "g"; transcript_id "t";',
    'exon 81 90 - . gene_id "g"; transcript_id "t";',
    'CDS 81 85 - 0 gene_id "g"; transcript_id "t";',
    'start_codon 83 85 - 0 gene_id "g"; transcript_id "t";',
    'exon 41 60 - . gene_id "g"; transcript_id "t";',
    'CDS 41 60 - 1 gene_id "g"; transcript_id "t";',
    'exon 11 30 - . gene_id "g"; transcript_id "t";',
    'CDS 24 30 - 2 gene_id "g"; transcript_id "t";',
    'stop_codon 21 23 - 0 gene_id "g"; transcript_id "t";',
)
IN_BED = "c\t10\t90\tt\t0\t-\t20\t85\t0\t3\t20,20,10,\t0,30,70,\n"
IN_GENBANK = genbank(
    [
        ("source", "1..100"),
        ("gene", "complement(11..90)", 'gene="g"'),
        ("mRNA", "complement(join(11..30,41..60,81..90))", 'gene="g"', 'transcript_id="t"'),
        ("CDS", "complement(join(21..30,41..60,81..85))", 'gene="g"', 'protein_id="p"'),
    ]
)


@pytest.mark.parametrize(
    ("text", "kind"),
    [(IN_GFF3, "GFF"), (IN_GTF, "GFF"), (IN_BED, "BED"), (IN_GENBANK, "GenBank")],
    ids=["GFF3", "GTF", "BED12", "GenBank"],
)
@pytest.mark.parametrize("form", ["plain", "gzip", "bgzip"])
def test_one_gene_model_is_the_same_in_every_format(tmp_path, text, kind, form):
    path = tmp_path / "a.txt"
    match form:
        case "plain":
            path.write_text(text)
        case "gzip":
            path.write_bytes(gzip.compress(text.encode()))
        case "bgzip":
            write_bgzip(path, text.encode())
    assert read_format(path) == kind
    annotation = read_annotation(path)
    assert models(annotation) == {"t": SPLICED}
    (gene,), (transcript,) = annotation.genes, annotation.transcripts
    assert gene.interval == transcript.interval == Interval("c", 10, 90, Strand.REVERSE)
    assert transcript.tss == 89
    assert spans(transcript.introns) == [(30, 40), (60, 80)]
    assert (transcript.has_strand, transcript.is_partial, transcript.cds_phase) == (True, False, 0)
    assert annotation.left_out == ()


def test_names_and_biotypes_are_those_of_the_file(tmp_path):
    for text in (IN_GFF3, IN_GTF):
        (gene,) = read(tmp_path, text).genes
        assert (gene.name, gene.symbol, gene.biotype) == ("g", "abc", "protein_coding")
        (transcript,) = gene.transcripts
        assert (transcript.name, transcript.gene, transcript.biotype) == ("t", "g", "protein_coding")
    assert [t.kind for text in (IN_GFF3, IN_GTF, IN_GENBANK) for t in read(tmp_path, text).transcripts] == [
        "mRNA",
        "transcript",
        "mRNA",
    ]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param(
            ["gene 1 90 + . ID=g", "CDS 11 40 + 0 ID=p;Parent=g"],
            {"p": ("+", [(10, 40)], [(10, 40)])},
            id="CDS on a gene",
        ),
        pytest.param(
            ["gene 1 90 + . ID=g", "CDS 11 40 + 0 ID=p;Parent=g", "CDS 42 60 + 0 ID=p;Parent=g"],
            {"p": ("+", [(10, 60)], [(10, 40), (41, 60)])},
            id="frameshift forward",
        ),
        pytest.param(
            ["gene 1 90 + . ID=g", "CDS 11 40 + 0 ID=p;Parent=g", "CDS 40 60 + 0 ID=p;Parent=g"],
            {"p": ("+", [(10, 60)], [(10, 40), (39, 60)])},
            id="frameshift back",
        ),
        pytest.param(
            ["gene 1 90 + . ID=g", "CDS 11 40 + 0 ID=p;Parent=g", "CDS 50 60 + 0 ID=p;Parent=g"],
            {"p": ("+", [(10, 60)], [(10, 40), (49, 60)])},
            id="gap of nine",
        ),
        pytest.param(
            ["gene 1 90 + . ID=g", "CDS 11 40 + 0 ID=p;Parent=g", "CDS 51 60 + 0 ID=p;Parent=g"],
            {"p": ("+", [(10, 40), (50, 60)], [(10, 40), (50, 60)])},
            id="gap of ten",
        ),
        pytest.param(
            ["gene 1 90 + . ID=g", "CDS 11 40 + 0 ID=p;Parent=g", "CDS 21 40 + 0 ID=q;Parent=g"],
            {"p": ("+", [(10, 40)], [(10, 40)]), "q": ("+", [(20, 40)], [(20, 40)])},
            id="two CDS of a gene",
        ),
        pytest.param(
            ["CDS 11 40 + 0 ID=p", "CDS 51 60 - 0 ID=q"],
            {"p": ("+", [(10, 40)], [(10, 40)]), "q": ("-", [(50, 60)], [(50, 60)])},
            id="CDS alone",
        ),
        pytest.param(
            ["CDS 11 40 + 0 ."], {"CDS:c:11-40": ("+", [(10, 40)], [(10, 40)])}, id="CDS without a name"
        ),
        pytest.param(
            [
                "gene 1 90 + . ID=g",
                "exon 11 40 + . Parent=g",
                "exon 51 60 + . Parent=g",
                "CDS 21 40 + 0 Parent=g",
            ],
            {"g": ("+", [(10, 40), (50, 60)], [(20, 40)])},
            id="exons on a gene",
        ),
        pytest.param(
            ["CDS 11 40 + 0 ID=p;Parent=t", "CDS 11 40 + 0 ID=q;Parent=t"],
            {"t": ("+", [(10, 40)], [(10, 40)])},
            id="one segment told twice",
        ),
        pytest.param(
            ["exon 11 20 - . Parent=t1,t2", "exon 31 40 - . Parent=t2"],
            {"t1": ("-", [(10, 20)], []), "t2": ("-", [(10, 20), (30, 40)], [])},
            id="parents that are not in the file",
        ),
        pytest.param(
            [
                "gene 1 90 + . ID=g",
                "mRNA 11 40 + . ID=t;Parent=g",
                "protein 11 40 + . ID=t-Protein;Derives_from=t",
                "exon 11 40 + . Parent=t",
                "CDS 11 40 + 0 Parent=t,t-Protein",
            ],
            {"t": ("+", [(10, 40)], [(10, 40)])},
            id="protein beside its transcript",
        ),
        pytest.param(
            ["gene 1 90 + . ID=g", "mRNA 11 40 + . ID=t;Parent=g", "exon 11 40 + . Parent=t,g"],
            {"t": ("+", [(10, 40)], [])},
            id="gene beside its transcript",
        ),
        pytest.param(
            ["polypeptide 11 40 + . ID=p", "CDS 11 40 + 0 Parent=p"],
            {"p": ("+", [(10, 40)], [(10, 40)])},
            id="protein alone",
        ),
        pytest.param(
            [
                "mRNA 11 60 + . ID=t",
                "five_prime_UTR 11 20 + . Parent=t",
                "CDS 21 30 + 0 Parent=t",
                "CDS 51 60 + 0 Parent=t",
            ],
            {"t": ("+", [(10, 30), (50, 60)], [(20, 30), (50, 60)])},
            id="UTR without exons",
        ),
        pytest.param(
            ["gene 1 90 + . ID=g", "tRNA 11 40 + . ID=t;Parent=g"],
            {"t": ("+", [(10, 40)], [])},
            id="RNA without exons",
        ),
        pytest.param(
            ["tRNA 11 40 + . Note=x"], {"tRNA:c:11-40": ("+", [(10, 40)], [])}, id="RNA without a name"
        ),
        pytest.param(
            [
                "mRNA 11 90 + . ID=t",
                "exon 21 30 + . Parent=t",
                "exon 26 40 + . Parent=t",
                "exon 41 50 + . Parent=t",
            ],
            {"t": ("+", [(20, 40), (40, 50)], [])},
            id="overlapping exons are one, touching ones two",
        ),
        pytest.param(
            ["mRNA 11 40 . . ID=t", "exon 11 40 - . Parent=t"],
            {"t": ("-", [(10, 40)], [])},
            id="strand of the exons",
        ),
        pytest.param(
            [
                "V_gene_segment 11 40 - . ID=v",
                "exon 11 40 - . Parent=v",
                "pseudogenic_exon 51 60 - . Parent=w",
            ],
            {"v": ("-", [(10, 40)], []), "w": ("-", [(50, 60)], [])},
            id="other types",
        ),
        pytest.param(["gene 1 9 + . ID=g", "intron 3 5 + . Parent=g", "region 1 90 + . ID=r"], {}, id="none"),
    ],
)
def test_transcripts_of_gff3(tmp_path, lines, expected):
    annotation = read(tmp_path, gff3(*lines))
    assert models(annotation) == expected
    assert annotation.left_out == ()


@pytest.mark.parametrize(
    ("lines", "genes"),
    [
        pytest.param(
            [
                "gene 1 90 + . ID=g",
                "primary_transcript 1 60 + . ID=t;Parent=g",
                "miRNA 11 30 + . ID=m;Parent=t",
            ],
            {"g": ["t", "m"]},
            id="nested",
        ),
        pytest.param(
            ["gene 1 90 + . ID=g", "gene 1 80 + . ID=h", "mRNA 1 60 + . ID=t;Parent=g,h"],
            {"g": ["t"], "h": ["t"]},
            id="two genes",
        ),
        pytest.param(["mRNA 1 60 + . ID=t;Parent=lost"], {"lost": ["t"]}, id="lost gene"),
        pytest.param(["mRNA 1 60 + . ID=t"], {"t": ["t"]}, id="no gene"),
        pytest.param(
            ["exon 1 60 + . Parent=t", "mRNA 1 60 + . ID=t;Parent=g", "gene 1 90 + . ID=g"],
            {"g": ["t"]},
            id="backwards",
        ),
        pytest.param(
            ["pseudogene 1 60 + . ID=g", "gene 61 70 + . ID=h"], {"g": [], "h": []}, id="genes alone"
        ),
    ],
)
def test_transcripts_find_their_gene(tmp_path, lines, genes):
    annotation = read(tmp_path, gff3(*lines))
    assert {gene.name: [t.name for t in gene.transcripts] for gene in annotation.genes} == genes
    assert all(t.gene == gene.name for gene in annotation.genes for t in gene.transcripts)


def test_types_and_tags_say_what_is_no_ordinary_gene(tmp_path):
    annotation = read(
        tmp_path,
        gff3(
            "pseudogene 1 60 + . ID=a",
            "CDS 1 60 + 0 ID=x;Parent=a",
            "transposable_element_gene 1 60 + . ID=b",
            "gene 1 60 + . ID=c;pseudo=true",
            "gene 1 60 + . ID=d;partial=true",
            "CDS 1 60 + 1 ID=y;Parent=d;partial=true",
            "ncRNA 1 60 . . ID=z;biotype=lncRNA",
        ),
    )
    biotypes = ["pseudogene", "transposable_element_gene", "pseudogene", "", "lncRNA"]
    assert [gene.biotype for gene in annotation.genes] == biotypes
    one, two, three = annotation.transcripts
    assert (one.biotype, one.kind, one.is_partial, one.cds_phase) == ("pseudogene", "CDS", False, 0)
    assert (two.biotype, two.is_partial, two.cds_phase) == ("", True, 1)
    assert (three.biotype, three.kind, three.has_strand) == ("lncRNA", "ncRNA", False)


@pytest.mark.parametrize(("strand", "phase"), [("+", 1), ("-", 2)])
def test_phase_is_that_of_the_segment_that_is_read_first(tmp_path, strand, phase):
    lines = [f"CDS 41 60 {strand} 2 ID=p", f"CDS 11 30 {strand} 1 ID=p"]
    (transcript,) = read(tmp_path, gff3(*lines)).transcripts
    assert transcript.cds_phase == phase


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (gff3("gene 1 90 + . ID=g", "CDS 11 40 + 0 ID=p;Parent=g;transl_table=11"), 11),
        (gff3("gene 1 90 + . ID=g", "CDS 11 40 + 0 ID=p;Parent=g"), None),
        (gtf('CDS 11 40 + 0 gene_id "g"; transcript_id "t"; transl_table "2";'), 2),
        (genbank([("CDS", "11..40", 'locus_tag="g"', "transl_table=4")]), 4),
    ],
    ids=["GFF3", "GFF3 without", "GTF", "GenBank"],
)
def test_genetic_code_is_that_of_the_cds(tmp_path, text, expected):
    (transcript,) = read(tmp_path, text).transcripts
    assert transcript.genetic_code == expected


def test_cds_whose_genetic_code_is_no_number_is_left_out_and_named(tmp_path):
    lines = ["gene 1 90 + . ID=g", "CDS 11 40 + 0 ID=p;Parent=g;transl_table=eleven"]
    annotation = read(tmp_path, gff3(*lines))
    assert [gene.transcripts for gene in annotation.genes] == [()]
    assert annotation.left_out == (
        "transcript 'p': transl_table must be a whole number, got 'eleven'; mend it, or leave it out",
    )


def test_what_lies_on_both_strands_is_left_out_and_named(tmp_path):
    annotation = read(
        tmp_path,
        gff3(
            "gene 1 90 + . ID=g",
            "mRNA 1 90 + . ID=t;Parent=g",
            "exon 1 20 + . Parent=t",
            "exon 31 40 - . Parent=t",
            "mRNA 1 90 + . ID=u;Parent=g",
            "gene 1 9 + . ID=h",
            "gene 1 9 - . ID=h",
        ),
    )
    assert [gene.name for gene in annotation.genes] == ["g"]
    assert [transcript.name for transcript in annotation.transcripts] == ["u"]
    assert annotation.left_out == (
        "transcript 't' lies on several strands or contigs (c +, c -)",
        "gene 'h' lies on several strands or contigs (c +, c -)",
    )


def test_circle_of_parents_is_an_error(tmp_path):
    for lines in (
        ["mRNA 1 9 + . ID=t;Parent=t"],
        ["mRNA 1 9 + . ID=t;Parent=u", "gap 1 9 + . ID=u;Parent=v", "gap 1 9 + . ID=v;Parent=u"],
    ):
        with pytest.raises(
            InputError, match=r"a\.txt: feature 't' has ancestors in a circle; mend its Parent"
        ):
            read(tmp_path, gff3(*lines))


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param(
            [
                'exon 11 20 + . gene_id "g"; transcript_id "t";',
                'exon 31 40 + . gene_id "g"; transcript_id "t";',
            ],
            {"t": ("+", [(10, 20), (30, 40)], [])},
            id="exons alone",
        ),
        pytest.param(
            [
                'CDS 11 20 + 0 gene_id "g"; transcript_id "t";',
                'stop_codon 21 23 + 0 gene_id "g"; transcript_id "t";',
            ],
            {"t": ("+", [(10, 23)], [(10, 23)])},
            id="CDS and stop codon",
        ),
        pytest.param(
            [
                'CDS 11 23 + 0 gene_id "g"; transcript_id "t";',
                'stop_codon 21 23 + 0 gene_id "g"; transcript_id "t";',
            ],
            {"t": ("+", [(10, 23)], [(10, 23)])},
            id="stop codon within the CDS",
        ),
        pytest.param(
            [
                'exon 11 20 + . gene_id "g"; transcript_id "t";',
                'exon 41 50 + . gene_id "g"; transcript_id "t";',
                'CDS 11 19 + 0 gene_id "g"; transcript_id "t";',
                'stop_codon 20 20 + 0 gene_id "g"; transcript_id "t";',
                'stop_codon 41 42 + 0 gene_id "g"; transcript_id "t";',
            ],
            {"t": ("+", [(10, 20), (40, 50)], [(10, 20), (40, 42)])},
            id="stop codon over an intron",
        ),
        pytest.param(
            [
                'stop_codon 20 22 + 0 gene_id "g"; transcript_id "t";',
                'exon 11 40 + . gene_id "g"; transcript_id "t";',
            ],
            {"t": ("+", [(10, 40)], [])},
            id="stop codon without a CDS",
        ),
        pytest.param(
            ['gene 1 90 + . gene_id "g"; transcript_id "";', 'CDS 11 20 + 0 gene_id "g"; transcript_id "";'],
            {"g": ("+", [(10, 20)], [(10, 20)])},
            id="empty transcript_id",
        ),
        pytest.param(
            ['exon 11 20 . . gene_id "g"; transcript_id "t";'], {"t": ("+", [(10, 20)], [])}, id="no strand"
        ),
        pytest.param(
            ['transcript 11 20 + . transcript_id "t";'], {"t": ("+", [(10, 20)], [])}, id="no gene_id"
        ),
        pytest.param(['exon 11 20 + . note "x";'], {"exon:c:11-20": ("+", [(10, 20)], [])}, id="no name"),
    ],
)
def test_transcripts_of_gtf(tmp_path, lines, expected):
    annotation = read(tmp_path, gtf(*lines))
    assert models(annotation) == expected
    assert len(annotation.genes) == 1


def test_gtf_names_can_recur_on_other_contigs_and_strands(tmp_path):
    line = columns('exon 11 20 + . gene_id "g"; transcript_id "t";')
    reverse = line.replace("+", "-").replace('"t"', '"u"')
    annotation = read(tmp_path, f"{line}\n{line.replace('c', 'd', 1)}\n{reverse}\n")
    assert [(g.interval.contig, g.interval.strand.value, len(g.transcripts)) for g in annotation.genes] == [
        ("c", "+", 1),
        ("c", "-", 1),
        ("d", "+", 1),
    ]


def test_tags_of_incomplete_gtf_transcripts(tmp_path):
    line = 'transcript 11 20 + . gene_id "g"; transcript_id "t"; tag "basic"; tag "cds_end_NF";'
    assert read(tmp_path, gtf(line)).transcripts[0].is_partial


GENE = ("gene", "11..60", 'gene="g"', 'locus_tag="L1"')


@pytest.mark.parametrize(
    ("features", "expected"),
    [
        pytest.param(
            [GENE, ("CDS", "11..40", 'locus_tag="L1"')], {"L1": ("+", [(10, 40)], [(10, 40)])}, id="CDS"
        ),
        pytest.param(
            [GENE, ("CDS", "join(11..20,20..60)", 'gene="g"')],
            {"g": ("+", [(10, 60)], [(10, 20), (19, 60)])},
            id="frameshift back",
        ),
        pytest.param(
            [
                GENE,
                ("mRNA", "join(11..20,41..60)", 'gene="g"'),
                ("mRNA", "11..60", 'gene="g"', 'transcript_id="r"'),
                ("CDS", "21..50", 'gene="g"', 'protein_id="p"'),
            ],
            {"g": ("+", [(10, 20), (40, 60)], []), "r": ("+", [(10, 60)], [(20, 50)])},
            id="CDS finds the mRNA that holds it",
        ),
        pytest.param(
            [GENE, ("tRNA", "11..60", 'gene="g"'), ("exon", "11..60", 'gene="g"'), ("misc_feature", "1..9")],
            {"g": ("+", [(10, 60)], [])},
            id="tRNA",
        ),
        pytest.param(
            [
                GENE,
                ("mRNA", "11..60", 'gene="g"', 'transcript_id="r"'),
                ("CDS", "11..40", 'gene="g"', 'protein_id="p"'),
                ("CDS", "21..50", 'gene="g"', 'protein_id="q"'),
            ],
            {"r": ("+", [(10, 60)], [(10, 40)]), "q": ("+", [(20, 50)], [(20, 50)])},
            id="two CDS of one mRNA",
        ),
        pytest.param([("CDS", "11..40")], {"CDS:c:11-40": ("+", [(10, 40)], [(10, 40)])}, id="no name"),
    ],
)
def test_transcripts_of_genbank(tmp_path, features, expected):
    annotation = read(tmp_path, genbank(features))
    assert models(annotation) == expected
    assert len(annotation.genes) == 1


def test_genbank_copies_of_a_gene_are_told_apart_by_place(tmp_path):
    features = [
        ("gene", "1..20", 'gene="g"'),
        ("gene", "complement(31..50)", 'gene="g"'),
        ("tRNA", "complement(31..50)", 'gene="g"'),
        ("tRNA", "1..20", 'gene="g"'),
        ("tRNA", "61..80", 'gene="g"'),
    ]
    annotation = read(tmp_path, genbank(features))
    assert [(spans([gene.interval]), len(gene.transcripts)) for gene in annotation.genes] == [
        ([(0, 20)], 1),
        ([(30, 50)], 1),
        ([(60, 80)], 1),
    ]


def test_genbank_says_what_is_pseudo_partial_and_out_of_frame(tmp_path):
    features = [
        ("gene", "<1..>20", 'gene="g"', "pseudo"),
        ("CDS", "<1..>20", 'gene="g"', "pseudo", "codon_start=3"),
    ]
    (transcript,) = read(tmp_path, genbank(features)).transcripts
    assert (transcript.biotype, transcript.is_partial, transcript.cds_phase) == ("pseudogene", True, 2)


@pytest.mark.parametrize(
    ("location", "exons", "strand"),
    [
        ("join(91..100,1..20)", [(90, 120)], "+"),
        ("join(81..90,96..100,1..20)", [(80, 120)], "+"),
        ("join(61..70,91..100,1..20,41..50)", [(60, 70), (90, 120), (140, 150)], "+"),
        ("complement(join(91..100,1..20))", [(90, 120)], "-"),
        ("join(complement(1..20),complement(91..100))", [(90, 120)], "-"),
        ("join(71..80,11..20)", [(70, 80), (110, 120)], "+"),
    ],
    ids=[
        "forward",
        "frameshift before",
        "introns",
        "complement of join",
        "join of complements",
        "intron on it",
    ],
)
def test_transcript_across_the_origin_is_one_stretch(tmp_path, location, exons, strand):
    text = genbank([("CDS", location, 'gene="g"')], topology="circular")
    (transcript,) = read(tmp_path, text).transcripts
    assert model(transcript)[:2] == (strand, exons)
    folded = [piece for part in transcript.cds for piece in fold_circular(part, 100)]
    sequence = ("ACGTACGTAC" * 10)[:100]
    bases = "".join(sequence[part.start : part.end] for part in folded)
    record = SeqIO.read(io.StringIO(text), "genbank")
    expected = str(record.features[0].extract(record.seq))
    assert (bases if strand == "+" else reverse_complement(bases)) == expected


def test_segments_that_touch_elsewhere_than_at_the_origin_stay_two(tmp_path):
    text = genbank([("CDS", "join(11..20,21..30)", 'gene="g"')], topology="circular")
    assert models(read(tmp_path, text)) == {"g": ("+", [(10, 30)], [(10, 20), (20, 30)])}


@pytest.mark.parametrize(
    ("location", "topology", "more"),
    [
        ("join(complement(1..10),21..30)", "linear", ()),
        ("join(21..30,1..10)", "linear", ()),
        ("join(21..30,1..10)", "circular", ("trans_splicing",)),
        ("join(21..30,1..40)", "circular", ()),
        ("join(1..10,J00194.1:7..9)", "linear", ()),
        ("3^4", "linear", ()),
    ],
    ids=[
        "two strands",
        "backwards",
        "trans-spliced",
        "more than once round",
        "other record",
        "between bases",
    ],
)
def test_genbank_feature_without_an_order_is_left_out_and_named(tmp_path, location, topology, more):
    features = [("CDS", location, 'gene="g"', *more), ("gene", "1..10", 'gene="h"')]
    annotation = read(tmp_path, genbank(features, topology=topology))
    assert [gene.name for gene in annotation.genes] == ["h"]
    assert annotation.left_out == ("CDS 'g' lies on several strands or out of order",)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("c\t10\t40", {"c:11-40": ("+", [(10, 40)], [])}),
        ("c\t10\t40\tx\t0\t-", {"x": ("-", [(10, 40)], [])}),
        ("c\t10\t40\tx\t0\t-\t15\t20", {"x": ("-", [(10, 40)], [(15, 20)])}),
        (
            "c\t10\t40\tx\t0\t+\t12\t35\t0\t3\t5,5,10\t0,10,20",
            {"x": ("+", [(10, 15), (20, 25), (30, 40)], [(12, 15), (20, 25), (30, 35)])},
        ),
    ],
    ids=["BED3", "BED6", "BED8", "BED12"],
)
def test_transcripts_of_bed(tmp_path, line, expected):
    annotation = read(tmp_path, f"track name=x\n#comment\n{line}\n")
    assert models(annotation) == expected
    assert annotation.transcripts[0].has_strand == ("\t-" in line or "\t+" in line)


def test_bed_line_without_bases_is_left_out_and_named(tmp_path):
    annotation = read(tmp_path, "c\t5\t5\tx\nc\t5\t6\n")
    assert len(annotation.genes) == 1
    assert annotation.left_out == ("'x' at c:5 has no bases",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("", "holds no records; expected GFF3, GTF, BED or GenBank", id="empty"),
        pytest.param("# only\n\n", "holds no records", id="comments"),
        pytest.param(">chr1\nACGT\n", "line 1: '>chr1' is neither GFF3", id="fasta"),
        pytest.param("##fileformat=VCFv4.2\n", "line 1: '##fileformat=VCFv4.2' is neither", id="vcf"),
        pytest.param("name\tvalue\n", r"line 1: 'name\\tvalue' is neither", id="table"),
        pytest.param(
            "##gff-version 3\n", "holds no gene or transcript; give a file with gene models", id="no lines"
        ),
        pytest.param(gff3("region 1 9 + . ID=r"), "holds no gene or transcript", id="no genes"),
        pytest.param(
            gff3("exon 1 9 + . Parent=t", "exon 1 9 - . Parent=t"), "left out: transcript 't'", id="left out"
        ),
        pytest.param(genbank([]), "holds no gene or transcript", id="no features"),
        pytest.param("c\t5\t1\n", "line 1: end 1 lies before start 5", id="bad bed"),
        pytest.param(gff3("exon 9 1 + . Parent=t"), "line 2: start 9 lies after end 1", id="bad gff"),
        pytest.param(genbank([])[:-3], "is truncated", id="bad genbank"),
        pytest.param("LOCUS\0", "holds a NUL", id="binary"),
    ],
)
def test_file_without_gene_models_is_one_line(tmp_path, text, message):
    with pytest.raises(InputError, match=message) as caught:
        read(tmp_path, text)
    assert str(tmp_path / "a.txt") in str(caught.value)
    assert "\n" not in str(caught.value)


@st.composite
def gene_models(draw):
    """A transcript by its borders: exons, and a CDS from a place in one to a place in another."""
    borders = sorted(draw(st.sets(st.integers(0, 400), min_size=2, max_size=10)))
    exons = list(zip(borders[::2], borders[1::2], strict=False))
    first, last = sorted(draw(st.tuples(*[st.integers(exons[0][0], exons[-1][1])] * 2)))
    cds = [(max(a, first), min(b, last)) for a, b in exons if max(a, first) < min(b, last)]
    return exons, cds, draw(st.sampled_from("+-"))


@settings(deadline=None, max_examples=50)
@given(gene_models())
def test_any_gene_model_is_the_same_in_every_format(tmp_path_factory, drawn):
    exons, cds, strand = drawn
    folder = tmp_path_factory.mktemp("models")
    rows = [("exon", *exon) for exon in exons] + [("CDS", *part) for part in cds]
    start, end = exons[0][0], exons[-1][1]
    thick = (cds[0][0], cds[-1][1]) if cds else (start, start)
    sizes = ",".join(str(b - a) for a, b in exons)
    texts = [
        gff3(*(f"{kind} {a + 1} {b} {strand} . Parent=t" for kind, a, b in rows)),
        gtf(*(f'{kind} {a + 1} {b} {strand} . gene_id "g"; transcript_id "t";' for kind, a, b in rows)),
        "\t".join(
            map(
                str,
                [
                    "c",
                    start,
                    end,
                    "t",
                    0,
                    strand,
                    *thick,
                    0,
                    len(exons),
                    sizes,
                    ",".join(str(a - start) for a, _ in exons),
                ],
            )
        ),
        genbank(
            [
                (kind, f"complement({place})" if strand == "-" else place, 'gene="t"')
                for kind, parts in (("gene", [(start, end)]), ("mRNA", exons), ("CDS", cds))
                for place in ["join(" + ",".join(f"{a + 1}..{b}" for a, b in parts) + ")"]
                if parts
            ],
            length=400,
        ),
    ]
    for number, text in enumerate(texts):
        path = folder / str(number)
        path.write_text(text)
        assert models(read_annotation(path)) == {"t": (strand, exons, cds)}


def spliced(genome, parts, strand):
    bases = "".join(genome.fetch(Interval(part.contig, part.start, part.end)) for part in parts)
    return bases if strand is Strand.FORWARD else reverse_complement(bases)


@pytest.mark.usefixtures("no_shape_checks")
@pytest.mark.real_data
def test_ecoli_genes_are_whole_and_the_same_in_gff_and_genbank(data):
    bacteria = data / "genomes" / "bacteria"
    genome = Fasta(bacteria / "ecoli_K12_MG1655.fna.gz")
    by_gff = read_annotation(bacteria / "ecoli_K12_MG1655.gff.gz")
    by_genbank = read_annotation(bacteria / "ecoli_K12_MG1655.gbff.gz")
    single = [t for t in by_gff.transcripts if len(t.cds) == 1]
    sequences = [spliced(genome, t.cds, t.strand) for t in single]
    assert len(single) == 4295
    assert all(len(bases) % 3 == 0 and bases[-3:] in ("TAA", "TAG", "TGA") for bases in sequences)
    assert [model(t) for t in by_gff.transcripts if t.cds] == [
        model(t) for t in by_genbank.transcripts if t.cds
    ]
    assert len(by_gff.genes) == len(by_genbank.genes) == 4494 + 145
    assert [gene.interval for gene in by_gff.genes] == [gene.interval for gene in by_genbank.genes]
    frameshift = next(t for t in by_gff.transcripts if t.name == "cds-NP_417367.1")
    assert (len(frameshift.cds), frameshift.introns) == (2, ())


@pytest.mark.usefixtures("no_shape_checks")
@pytest.mark.real_data
@pytest.mark.parametrize(
    ("species", "num_introns"), [("athaliana", 1000), ("celegans", 900), ("dmelanogaster", 400)]
)
def test_introns_begin_with_gt_and_end_with_ag(data, species, num_introns):
    folder = data / "genomes" / "eukaryote_1pct" / species
    genome = Fasta(folder / "1pct.fa.gz")
    annotation = read_annotation(folder / "1pct.gff3.gz")
    introns = {intron for t in annotation.transcripts for intron in t.introns}
    bases = [genome.fetch(intron) for intron in introns]
    canonical = sum(sequence[:2] == "GT" and sequence[-2:] == "AG" for sequence in bases)
    assert len(introns) > num_introns
    assert 0.97 <= canonical / len(introns) <= 1
    assert annotation.left_out == ()


@pytest.mark.usefixtures("no_shape_checks")
@pytest.mark.real_data
@pytest.mark.parametrize("species", ["athaliana", "celegans", "dmelanogaster"])
def test_real_exons_are_those_that_a_search_for_the_parent_finds(data, species):
    """By a splitter of its own: all exon lines that name the transcript."""
    path = data / "genomes" / "eukaryote_1pct" / species / "1pct.gff3.gz"
    wanted = {"exon": {}, "CDS": {}}
    for line in gzip.decompress(path.read_bytes()).decode().splitlines():
        fields = line.split("\t")
        kind = {"pseudogenic_exon": "exon"}.get(fields[2], fields[2])
        if kind in wanted:
            for parent in re.search(r"Parent=([^;]*)", fields[8])[1].split(","):
                wanted[kind].setdefault(parent, set()).add((int(fields[3]) - 1, int(fields[4])))
    found = read_annotation(path).transcripts
    assert {t.name for t in found} >= set(wanted["exon"])
    for transcript in found:
        if transcript.name in wanted["exon"]:
            assert spans(transcript.exons) == sorted(wanted["exon"][transcript.name])
        assert spans(transcript.cds) == sorted(wanted["CDS"].get(transcript.name, ()))


@pytest.mark.usefixtures("no_shape_checks")
@pytest.mark.real_data
def test_genbank_cds_extract_what_biopython_extracts(data):
    for name in ("bacteria/portiera_GCF_000292685.gbk", "phage/sars2_MN908947_reference.gb"):
        path = data / "genomes" / name
        record = SeqIO.read(path, "genbank")
        expected = sorted(
            str(feature.extract(record.seq)) for feature in record.features if feature.type == "CDS"
        )
        sequence = str(record.seq)
        found = []
        for transcript in read_annotation(path).transcripts:
            bases = "".join(sequence[part.start : part.end] for part in transcript.cds)
            found.append(bases if transcript.strand is Strand.FORWARD else reverse_complement(bases))
        assert sorted(filter(None, found)) == expected


@pytest.mark.usefixtures("no_shape_checks")
@pytest.mark.real_data
@pytest.mark.parametrize(
    ("name", "num_genes", "num_coding"),
    [
        ("phage/NC_001422.1_pseudocircular.gff", 11, 11),
        ("phage/sars2_MN908947_reference.gb", 14, 13),
        ("bacteria/portiera_GCF_000292685.gbk", 298, 260),
        ("yeast/Scer_nondubious_ORFs_and_blocked_reading_frames.bed", 5889, 0),
        ("yeast/Scer_polIItranscripts-adjustedTSS.bed", 6445, 0),
        ("yeast/Scer_transcripts_w_verifiedORFs.bed", 5088, 0),
        ("yeast/Scer_transcripts_w_verifiedORFs-nonoverlapping.bed", 3522, 0),
        ("yeast/rhee2012-TATAboxes-cleaned.bed", 572, 0),
    ],
)
def test_real_annotation_loads(data, name, num_genes, num_coding):
    annotation = read_annotation(data / "genomes" / name)
    assert len(annotation.genes) == num_genes
    assert sum(transcript.is_coding for transcript in annotation.transcripts) == num_coding
    assert annotation.left_out == ()
