"""Genotypes in text and BCF against htslib, and every way in which they can be wrong."""

import struct
from contextlib import suppress

import pysam
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyenadna_kit.errors import InputError
from hyenadna_kit.io.bcf import read_sample
from hyenadna_kit.io.genotypes import Genotype, SampleGenotypes
from hyenadna_kit.io.vcf import read_variants
from tests.oracles.vcf import WRITERS, write_bcf

META = (
    b"##fileformat=VCFv4.2\n##contig=<ID=chr1,length=1000>\n"
    b'##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n'
    b'##FORMAT=<ID=AD,Number=R,Type=Integer,Description="Depths">\n'
    b'##FORMAT=<ID=GL,Number=G,Type=Float,Description="Likelihoods">\n'
    b'##FORMAT=<ID=FT,Number=1,Type=String,Description="Filter">\n'
)
INTEGER_PS = b'##FORMAT=<ID=PS,Number=1,Type=Integer,Description="Phase set">\n'
TEXT_PS = b'##FORMAT=<ID=PS,Number=1,Type=String,Description="Phase set">\n'
COLUMNS = b"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tNA1\tNA2\tNA3\n"


def line(format_column, *samples, alts="C,G,T"):
    return f"chr1\t7\t.\tA\t{alts}\t.\t.\t.\t{format_column}\t{chr(9).join(samples)}\n".encode()


def read(path, sample):
    with read_variants(path) as reader:
        genotypes = SampleGenotypes(reader, sample)
        return [genotypes.of(record) for record in reader]


def by_pysam(path, sample):
    """Return alleles, phase and phase set of every record as htslib reads them."""
    found = []
    with pysam.VariantFile(str(path)) as handle:
        for record in handle:
            values = record.samples[sample]
            has_genotype = "GT" in record.format
            phase_set = values["PS"] if "PS" in record.format else None
            found.append(
                (
                    values.allele_indices if has_genotype else (),
                    values.phased if has_genotype else True,
                    None if phase_set is None else str(phase_set),
                )
            )
    return found


@st.composite
def records(draw):
    """Draw a record of three samples of any ploidy, with GT and PS among other fields."""
    keys = draw(st.permutations(["AD", "GL", "FT", "PS"]))[: draw(st.integers(0, 4))]
    alleles = st.sampled_from(["0", "1", "2", "3", "."])

    def genotype():
        names = draw(st.lists(alleles, min_size=1, max_size=4))
        return draw(st.sampled_from("/|")).join(names)

    def value(key):
        values = {
            "AD": "3,400,70000,1",
            "GL": "0.5,.,-2",
            "FT": "PASS",
            "PS": str(draw(st.integers(1, 2**31 - 1))),
        }
        return draw(st.sampled_from([values[key], "."]))

    samples = []
    for _ in range(3):
        fields = [genotype(), *map(value, keys)]
        samples.append(":".join(fields[: draw(st.integers(1, len(fields)))]))
    return line(":".join(["GT", *keys]), *samples)


@pytest.mark.parametrize("form", ["plain", "bcf"])
@settings(max_examples=60, deadline=None)
@given(lines=st.lists(records(), min_size=1, max_size=4))
def test_every_genotype_is_that_of_htslib(tmp_path_factory, form, lines):
    folder = tmp_path_factory.mktemp("calls")
    WRITERS[form](folder / "calls", META + INTEGER_PS + COLUMNS + b"".join(lines))
    for sample in ("NA1", "NA2", "NA3"):
        found = [(g.alleles, g.is_phased, g.phase_set) for g in read(folder / "calls", sample)]
        expected = by_pysam(folder / "calls", sample)
        # htslib calls a single allele unphased; it has no other to be out of phase with.
        assert found == [(a, phased or len(a) == 1, ps) for a, phased, ps in expected]


@pytest.mark.parametrize("form", WRITERS)
@pytest.mark.parametrize(
    ("format_column", "value", "expected"),
    [
        pytest.param("GT", "0|1", Genotype((0, 1), is_phased=True), id="phased"),
        pytest.param("GT", "1/2", Genotype((1, 2), is_phased=False), id="unphased"),
        pytest.param("GT", "3", Genotype((3,), is_phased=True), id="haploid"),
        pytest.param("GT", ".", Genotype((None,), is_phased=True), id="missing"),
        pytest.param("GT", ".|1", Genotype((None, 1), is_phased=True), id="half_missing"),
        pytest.param("GT", "0|1|1", Genotype((0, 1, 1), is_phased=True), id="triploid"),
        pytest.param("GT", "0|1/1", Genotype((0, 1, 1), is_phased=False), id="phased_in_part"),
        pytest.param("GT:PS", "0|1:77", Genotype((0, 1), is_phased=True, phase_set="77"), id="phase_set"),
        pytest.param("GT:PS", "0|1:.", Genotype((0, 1), is_phased=True), id="phase_set_missing"),
        pytest.param("GT:PS", "0|1", Genotype((0, 1), is_phased=True), id="phase_set_dropped"),
        pytest.param("FT", "PASS", Genotype((), is_phased=True), id="no_genotype"),
    ],
)
def test_genotype_in_every_encoding(tmp_path, form, format_column, value, expected):
    # A neighbour of higher ploidy makes BCF pad the vector of our sample.
    others = ["0|0|0|0" if format_column.startswith("GT") else "x"] * 2
    WRITERS[form](
        tmp_path / "calls", META + INTEGER_PS + COLUMNS + line(format_column, others[0], value, others[1])
    )
    assert read(tmp_path / "calls", "NA2") == [expected]


@pytest.mark.parametrize("form", WRITERS)
def test_phase_set_that_is_text(tmp_path, form):
    body = line("GT:PS", "0|1:PATMAT", "0|1:.", "1|0:7")
    WRITERS[form](tmp_path / "calls", META + TEXT_PS + COLUMNS + body)
    sets = [read(tmp_path / "calls", sample)[0].phase_set for sample in ("NA1", "NA2", "NA3")]
    assert sets == ["PATMAT", None, "7"]


@pytest.mark.parametrize(
    ("text", "alleles", "is_phased"),
    [("|0|1", (0, 1), True), ("/0|1", (0, 1), False), ("|0/1", (0, 1), False), ("/1", (1,), True)],
)
def test_phase_of_the_first_allele_may_be_written_before_it(tmp_path, text, alleles, is_phased):
    (tmp_path / "calls").write_bytes(META + COLUMNS + line("GT", text, "0", "0"))
    assert read(tmp_path / "calls", "NA1") == [Genotype(alleles, is_phased=is_phased)]


def test_last_sample_of_a_windows_file_has_no_line_end(tmp_path):
    text = (META + INTEGER_PS + COLUMNS + line("GT:PS", "0", "0", "0|1:5")).replace(b"\n", b"\r\n")
    (tmp_path / "calls").write_bytes(text)
    assert read(tmp_path / "calls", "NA3") == [Genotype((0, 1), is_phased=True, phase_set="5")]


@pytest.mark.parametrize(
    ("alleles", "expected"),
    [
        ((0, 0), False),
        ((0, 1), True),
        ((1, 2), True),
        ((None, 1), True),
        ((None, None), False),
        ((1,), False),
        ((), False),
    ],
)
def test_heterozygous(alleles, expected):
    assert Genotype(alleles, is_phased=False).is_heterozygous is expected


def test_only_sample_needs_no_name(tmp_path):
    one = COLUMNS.replace(b"\tNA2\tNA3", b"")
    (tmp_path / "calls").write_bytes(META + one + line("GT", "1|0"))
    assert read(tmp_path / "calls", None) == [Genotype((1, 0), is_phased=True)]


@pytest.mark.parametrize(
    ("columns", "sample", "problem"),
    [
        pytest.param(COLUMNS, "NA12", r"no sample 'NA12'; did you mean 'NA", id="unknown"),
        pytest.param(
            COLUMNS.replace(b"NA1", b"a\xff\x0bb"), "x", r"known: 'a\\udcff\\x0bb', NA2", id="garbled"
        ),
        pytest.param(COLUMNS, None, r"3 samples \(NA1, NA2, NA3\); name one", id="several"),
        pytest.param(COLUMNS.split(b"\tFORMAT")[0] + b"\n", None, "no samples, only sites", id="sites"),
        pytest.param(COLUMNS.split(b"\tFORMAT")[0] + b"\n", "NA1", "no sample 'NA1'", id="sites_named"),
    ],
)
def test_sample_that_is_not_there_is_refused(tmp_path, columns, sample, problem):
    (tmp_path / "calls").write_bytes(META + columns)
    with pytest.raises(InputError, match=problem) as caught:
        read(tmp_path / "calls", sample)
    assert str(tmp_path / "calls") in str(caught.value)


@pytest.mark.parametrize("form", ["plain", "bcf"])
def test_allele_that_the_record_lacks_is_refused(tmp_path, form):
    text = META + COLUMNS + line("GT", "0|1", "0|1", "0|1") + line("GT", "0|3", "0|0", "0|0", alts="C,G")
    WRITERS[form](tmp_path / "calls", text)
    with pytest.raises(InputError, match=r"record 2 \(chr1:7\).*'NA1'.*allele 3 of 2"):
        read(tmp_path / "calls", "NA1")


@pytest.mark.parametrize("text", ["", "x", "0|", "0||1", "1,2", "-1", "0|1|", "9" * 10, "0\\1", "||1"])
def test_garbled_genotype_is_refused(tmp_path, text):
    (tmp_path / "calls").write_bytes(META + COLUMNS + line("GT", text, "0", "0"))
    with pytest.raises(InputError, match=r"record 1 \(chr1:7\).*is not like 0\|1") as caught:
        read(tmp_path / "calls", "NA1")
    assert "\n" not in str(caught.value)


def test_binary_samples_that_are_cut_or_overwritten_are_refused(tmp_path):
    write_bcf(tmp_path / "calls", META + INTEGER_PS + COLUMNS + line("GT:AD:PS", "0|1:1,2,3,4:5", "0", "0"))
    with read_variants(tmp_path / "calls") as reader:
        (record,) = reader
    shared = struct.unpack_from("<I", record.raw)[0]
    for length in range(8 + shared, len(record.raw)):
        with pytest.raises(ValueError, match="garbled samples"):
            read_sample(record.raw[:length], 0, (0, 1, 2))
    with pytest.raises(ValueError, match="garbled samples"):
        read_sample(record.raw, 3, (1,))
    for place in range(8 + shared, len(record.raw)):
        for byte in (0, 7, 0x15, 0xFF, 0xF7):
            damaged = record.raw[:place] + bytes([byte]) + record.raw[place + 1 :]
            with suppress(ValueError):
                read_sample(damaged, 0, range(10))
