"""The first two principal components, against scikit-learn's."""

import numpy as np
import pytest
from sklearn.decomposition import PCA

from hyenadna_kit.errors import InputError
from hyenadna_kit.evaluation.principal_components import principal_components


def test_components_are_those_of_scikit_learn():
    generator = np.random.default_rng(0)
    rows = generator.normal(size=(50, 6)) @ generator.normal(size=(6, 6)) + 3
    found, reference = principal_components(rows), PCA(2).fit(rows)
    assert found.shares == pytest.approx(reference.explained_variance_ratio_)
    expected = reference.transform(rows)
    signs = np.sign((found.places * expected).sum(0))
    assert found.places == pytest.approx(expected * signs, abs=1e-9)


def test_rows_that_are_all_alike_have_no_variance():
    found = principal_components(np.ones((4, 3)))
    assert found.shares == (0, 0)
    assert np.isfinite(found.places).all()


def test_two_rows_are_refused():
    with pytest.raises(InputError, match="3 rows"):
        principal_components(np.ones((2, 3)))
