"""Labels in a table of their own: every record has one, and none is left over."""

import pytest

from hyenadna_kit.errors import InputError
from hyenadna_kit.io.label_table import read_label_table
from hyenadna_kit.io.labelled_files import read_labelled


def labels(tmp_path, text, columns=("label",)):
    path = tmp_path / "labels.tsv"
    path.write_text(text.replace(" ", "\t"))
    return read_label_table(path, columns)


def records(tmp_path, text=">x\nAC\n>y\nGT\n", name="a.fa"):
    (tmp_path / name).write_text(text)
    return read_labelled(tmp_path / name, ())


@pytest.mark.parametrize("header", ["name label", "id label"])
def test_records_get_the_labels_of_their_names_in_any_order(tmp_path, header):
    table = labels(tmp_path, f"{header}\ny 2\nx 1\n").label(records(tmp_path), "a.fa")
    assert table.columns["label"].tolist() == [1, 2]
    assert table.sequences == ("AC", "GT")


def test_places_of_one_name_share_its_label(tmp_path):
    bed = records(tmp_path, "c\t1\t2\tg1\nc\t3\t4\tg2\nc\t5\t6\tg1\n", "a.bed")
    assert labels(tmp_path, "gene label\ng1 on\ng2 off\n").label(bed, "a.bed").columns["label"] == (
        *("on", "off", "on"),
    )


def test_variants_are_found_by_their_place_or_their_id(tmp_path):
    text = "chrom,pos,ref,alt,id\nc,5,a,T,rs1\nc,6,A,G,\n"
    by_place = labels(tmp_path, "chrom pos ref alt label\nc 6 A G 2\nc 5 A T 1\n")
    assert by_place.label(records(tmp_path, text, "v.csv"), "v").columns["label"].tolist() == [1, 2]
    by_name = labels(tmp_path, "name label\nc:6:A:G 2\nrs1 1\n")
    assert by_name.label(records(tmp_path, text, "v.csv"), "v").columns["label"].tolist() == [1, 2]


def test_classes_of_bases_are_laid_out_as_fasta(tmp_path):
    path = tmp_path / "states.fa"
    path.write_text(">y more\n0\n1\n>x\n**\n")
    found = read_label_table(path, ("label",)).label(records(tmp_path), "a.fa")
    assert found.columns["label"] == ("**", "01")


def test_classes_of_bases_under_one_name_are_refused(tmp_path):
    (tmp_path / "states.fa").write_text(">y\n0\n>y\n1\n")
    with pytest.raises(InputError, match="2 records have 1 names; every name stands once"):
        read_label_table(tmp_path / "states.fa", ("label",))


def test_record_without_a_label_is_named(tmp_path):
    with pytest.raises(InputError, match=r"a.fa: record 'y' has no label in .*labels.tsv; add one"):
        labels(tmp_path, "name label\nx 1\n").label(records(tmp_path), "a.fa")


def test_label_without_a_record_is_named(tmp_path):
    found = labels(tmp_path, "name label\nx 1\ny 2\nz 3\n")
    with pytest.raises(InputError, match=r"labels.tsv: the label of 'z' belongs to no record of a.fa, b.fa"):
        found.check_all_used({"a.fa": records(tmp_path), "b.fa": records(tmp_path)})
    found.check_all_used({"a.fa": records(tmp_path), "b.fa": records(tmp_path, ">z\nA\n")})


REFUSED = {
    "twice": ("name label\nx 1\nx 1\n", "line 3: 'x' has a label further up"),
    "no name": ("name label\n 1\n", "line 2: there is no name"),
    "no column": ("name labl\nx 1\n", "there is no column 'label'; did you mean 'labl'"),
    "hole": ("name label\nx nan\n", "line 2, column 'label': expected a label, got 'nan'"),
}


@pytest.mark.parametrize(("text", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_table_that_names_no_label_is_refused(tmp_path, text, message):
    with pytest.raises(InputError, match=message):
        labels(tmp_path, text)


def test_rows_without_names_are_refused(tmp_path):
    table = records(tmp_path, "sequence,other\nAC,1\n", "a.csv")
    with pytest.raises(InputError, match=r"a.csv has no column 'name'"):
        labels(tmp_path, "name label\nx 1\n").label(table, "a.csv")
