"""Features from files, sparse ones, and classes that a linear function separates."""

import bz2
import json
import re

import jax
import numpy as np
import pytest
from jax.experimental.sparse import BCOO
from scipy import sparse
from sklearn.datasets import dump_svmlight_file

import jgd
from jgd.core.objective import Objective

RNG = np.random.default_rng(3)
COUNT, FEATURES = 90, 12
DENSE = np.where(RNG.random((COUNT, FEATURES)) < 0.3, RNG.standard_normal((COUNT, FEATURES)), 0.0)
DENSE[5] = 0.0
LABELS = np.where(DENSE @ RNG.standard_normal(FEATURES) + RNG.standard_normal(COUNT) > 0, "yes", "no")
THREE = RNG.integers(0, 3, COUNT)
MATRICES = {
    "csr": sparse.csr_array(DENSE),
    "csc": sparse.csc_matrix(DENSE),
    "bcoo": BCOO.fromdense(DENSE, nse=COUNT * FEATURES),
}


@pytest.mark.parametrize("kind", MATRICES)
def test_a_sparse_model_is_the_dense_one(kind):
    given = {"ridge": 0.1, "intercept": True, "block_size": 40}
    one, other = (jgd.models.logistic(X, LABELS, **given) for X in (MATRICES[kind], DENSE))
    w = {"coef": RNG.standard_normal(FEATURES), "intercept": np.array(0.3)}
    f, g = (fit.objective(w) for fit in (one, other))
    here, there = (jax.jit(Objective.evaluate)(objective, w) for objective in (f, g))
    assert float(here.value) == pytest.approx(float(there.value), rel=1e-13)
    assert np.asarray(here.grad["coef"]) == pytest.approx(np.asarray(there.grad["coef"]), abs=1e-12)
    assert np.asarray(f.hessian(w)) == pytest.approx(np.asarray(g.hessian(w)), abs=1e-12)
    largest = max(leaf.size for leaf in jax.tree.leaves(one.examples.rows))
    assert largest == COUNT * np.count_nonzero(DENSE, axis=1).max(), "nothing was made dense"


def test_three_classes_and_mini_batches_of_sparse_rows():
    one, other = (jgd.models.softmax(X, THREE, ridge=1.0) for X in (MATRICES["csr"], DENSE))
    found = [jgd.minimize(fit, method=jgd.newton()) for fit in (one, other)]
    assert np.asarray(found[0].x) == pytest.approx(np.asarray(found[1].x), abs=1e-10)
    fits = (jgd.models.logistic(X, LABELS, batch_size=8) for X in (MATRICES["csr"], DENSE))
    given = {"max_steps": 50, "recorder": jgd.Recorder(x=True)}
    runs = [jgd.minimize(fit, method=jgd.gradient_descent(0.001), **given) for fit in fits]
    assert runs[0].history["x"] == pytest.approx(runs[1].history["x"], abs=1e-12)


def test_a_row_longer_than_all_others_is_refused_with_the_figures():
    wide = sparse.random(2_000, 5_000, 0.001, format="lil", random_state=0)
    wide[7] = 1.0
    with pytest.raises(ValueError, match="X: row 7 has 5,000 entries, and all rows are stored as long"):
        jgd.models.logistic(wide.tocsr(), np.arange(2_000) % 2)


def test_the_estimator_takes_sparse_features():
    one, other = (jgd.models.LogisticRegression(0.1).fit(X, LABELS) for X in (MATRICES["csr"], DENSE))
    assert one.coef_ == pytest.approx(other.coef_, abs=1e-8)
    assert one.predict_proba(MATRICES["csr"]) == pytest.approx(other.predict_proba(DENSE), abs=1e-8)


def test_a_sparse_entry_that_is_not_finite_is_named():
    bad = sparse.csr_array(DENSE)
    bad.data[np.flatnonzero(bad.indices == 3)[0]] = np.nan
    row = int(np.flatnonzero(DENSE[:, 3])[0])
    with pytest.raises(ValueError, match=f"X: row {row}, column 3, is missing or infinite"):
        jgd.models.logistic(bad, LABELS)
    with pytest.raises(ValueError, match="BCOO must have two dimensions"):
        jgd.models.logistic(BCOO.fromdense(DENSE, n_batch=1), LABELS)


def test_a_model_of_a_stream_is_that_of_the_array(tmp_path):
    np.save(tmp_path / "X.npy", DENSE)
    one, other = (
        jgd.minimize(jgd.models.logistic(X, LABELS, intercept=True, block_size=25), method=jgd.newton())
        for X in (jgd.data.stream(tmp_path / "X.npy"), DENSE)
    )
    assert np.asarray(one.x["coef"]) == pytest.approx(np.asarray(other.x["coef"]), abs=1e-12)
    assert jgd.models.covariance(one) == pytest.approx(jgd.models.covariance(other), rel=1e-9)
    np.save(tmp_path / "whole.npy", np.ones((COUNT, 2), int))
    with pytest.raises(ValueError, match=r"whole.npy must hold floats of shape \(examples, features\)"):
        jgd.models.logistic(jgd.data.stream(tmp_path / "whole.npy"), LABELS)


CSV = "age,weight,smoker,label\n31,60.5,true,yes\n45,82.0,false,no\n52,71.25,true,yes\n"


def test_tables_and_libsvm_files_are_read(tmp_path):
    import pyarrow.csv
    import pyarrow.parquet

    (tmp_path / "people.csv").write_text(CSV)
    X, y = jgd.data.read(tmp_path / "people.csv")
    assert X.tolist() == [[31, 60.5, 1], [45, 82, 0], [52, 71.25, 1]]
    assert y.tolist() == ["yes", "no", "yes"]
    pyarrow.parquet.write_table(pyarrow.csv.read_csv(tmp_path / "people.csv"), tmp_path / "people.parquet")
    again, weight = jgd.data.read(tmp_path / "people.parquet", target="label")
    assert again.tolist() == X.tolist()
    assert weight.tolist() == y.tolist()
    dump_svmlight_file(DENSE, np.where(LABELS == "yes", 1, -1), str(tmp_path / "a.svm"), zero_based=False)
    (tmp_path / "a.svm.bz2").write_bytes(bz2.compress((tmp_path / "a.svm").read_bytes()))
    for name in ("a.svm", "a.svm.bz2"):
        X, y = jgd.data.read(tmp_path / name)
        assert sparse.issparse(X)
        assert X.toarray() == pytest.approx(DENSE, rel=1e-12)
        assert (np.asarray(y) == np.where(LABELS == "yes", 1, -1)).all()


def test_what_a_file_lacks_is_named(tmp_path):
    people = tmp_path / "people.csv"
    people.write_text(CSV)
    with pytest.raises(TypeError, match=r"people.csv: column 'label' is string; encode it as numbers"):
        jgd.data.read(people, target="age")
    people.write_text(CSV.replace("60.5", ""))
    with pytest.raises(ValueError, match=r"people.csv: column 'weight' has 1 missing values"):
        jgd.data.read(people)
    with pytest.raises(
        ValueError, match=r"target: people.csv has the columns age, weight, smoker, label, got 'sex'"
    ):
        jgd.data.read(people, target="sex")
    people.write_text(CSV.replace("82.0,false,no", "82.0,false,"))
    with pytest.raises(ValueError, match=r"people.csv: target 'label' has 1 missing values"):
        jgd.data.read(people)
    with pytest.raises(ValueError, match=r"path: people.json is none of .csv, .parquet"):
        jgd.data.read("people.json")
    with pytest.raises(ValueError, match=r"target: a.svm has no names"):
        jgd.data.read("a.svm", target="y")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", b"5.1,3.5,1\n4.9,3,0\n6,2.2,1\n", "first line, 5.1, 3.5, 1, …, is one of numbers"),
        ("a.csv", b'a,b,y\n1,2,"no\n3,4,yes\n', "label of several lines: a quote before 'no"),
        ("a.csv", b"a,b,y\n1,2,3\n4,5\n", "a.csv is not a table in CSV and UTF-8"),
        ("a.csv", b"", "a.csv is not a table in CSV and UTF-8"),
        ("a.csv", b"a,b,\xe9\n1,2,3\n", "a.csv is not a table in CSV and UTF-8"),
        ("a.csv", b"a,b,y\n", "a.csv has a line of names and no rows"),
        ("a.csv", b"a;b;y\n1;2;3\n", "not separated by commas"),
        ("a.csv", b"a,a,y\n1,2,3\n", "several columns of the name a"),
        ("a.csv", b"a,b,y\n1,2,\xe9\n", "text that is not UTF-8"),
        (
            "a.csv",
            b"a,b,y\n1,2,3\n1,inf,3\n",
            "column 'b' has 1 values that are missing or infinite, the first",
        ),
        ("a.csv", b"a,b,y\n1,2,3\n1,2,inf\n", "target 'y' has 1 values that are missing or infinite"),
        ("a.parquet", b"a,b,y\n1,2,3\n", "a.parquet is not a Parquet file"),
        ("a.txt", b"1,2,0\n3,4,1\n", "a.txt is not in LIBSVM's format"),
        ("a.svm", b"1 1:2\n-1 1:nan\n", "a.svm: row 1 has a feature that is missing or infinite"),
        ("a.svm", b"1 1:2\ninf 1:1\n", "a.svm: the label has 1 values"),
        ("a.svm.gz", b"1 1:2\n", "a.svm.gz is not in LIBSVM's format"),
    ],
)
def test_a_file_that_would_be_misread_is_refused(tmp_path, name, content, said):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=re.escape(said)):
        jgd.data.read(tmp_path / name)


def test_spaces_around_labels_and_counted_names_are_no_matter(tmp_path):
    (tmp_path / "a.csv").write_text("0,1,2\n1,2,no\n3,4, no\n5,6,yes \n")
    X, y = jgd.data.read(tmp_path / "a.csv")
    assert X.shape == (3, 2)
    assert y.tolist() == ["no", "no", "yes"]


def test_the_index_that_pandas_saves_is_neither_a_feature_nor_the_target(tmp_path):
    import pyarrow
    import pyarrow.parquet

    path = tmp_path / "a.parquet"
    columns = {"a": [1.0, 2.0, 3.0], "y": [5.0, 6.0, 7.0], "__index_level_0__": [3, 0, 2]}
    kept = {b"pandas": json.dumps({"index_columns": ["__index_level_0__"]}).encode()}
    pyarrow.parquet.write_table(pyarrow.table(columns).replace_schema_metadata(kept), path)
    for read in (jgd.data.read, jgd.data.stream):
        X, y = read(path)
        assert X.shape == (3, 1)
        assert y.tolist() == [5, 6, 7]
        assert read(path, target="__index_level_0__")[1].tolist() == [3, 0, 2]
    with pytest.raises(ValueError, match=r"path: .* is a folder; name one file in it"):
        jgd.data.read(tmp_path)


def test_masked_entries_and_tables_of_arrow_are_refused():
    import pyarrow

    X = np.ma.masked_equal([[1.0], [-999.0], [2.0]], -999.0)
    with pytest.raises(ValueError, match="X has masked entries"):
        jgd.models.linear(X, np.ones(3))
    for make in (jgd.models.linear, jgd.models.logistic):
        with pytest.raises(ValueError, match="y has masked entries"):
            make(np.ones((3, 1)), np.ma.masked_equal([1.0, 2.0, 3.0], 2.0))
    with pytest.raises(TypeError, match=r"X: tables of pyarrow are not read; give X.to_pandas\(\)"):
        jgd.models.linear(pyarrow.table({"a": [1.0, 2.0]}), np.ones(2))


SEPARATED = np.array([[2.0, 1.0], [1.0, 2.0], [-1.0, -1.5], [-2.0, -1.0]]), np.array([1, 1, -1, -1])
GROWTH = {10: 1.89790, 100: 2.99774, 1_000: 4.16332, 10_000: 5.35511, 100_000: 6.56558}


@pytest.mark.parametrize("steps", [10, 1_000, 100_000])
def test_on_separable_data_the_parameters_grow_as_the_logarithm_of_the_steps(steps):
    fit = jgd.models.logistic(*SEPARATED, ridge=0.0, reduction="mean")
    result = jgd.minimize(fit, np.zeros(2), jgd.gradient_descent(1.0), max_steps=steps, gtol=0.0)
    assert np.linalg.norm(result.x) == pytest.approx(GROWTH[steps], abs=6e-6)
    direction = np.asarray(result.x) / np.linalg.norm(result.x)
    margin = np.array([4, 6]) / np.sqrt(52)
    assert np.linalg.norm(direction - margin) < 2.2 / np.log(steps)
    (note,) = result.notes
    assert "a linear function of the features separates the classes" in note
    assert f"|x| went from 0 to {GROWTH[steps]:.4g}" in note
    assert "Give a ridge above 0" in note


@pytest.mark.parametrize("method", [None, "lbfgs", "newton", "gradient_descent"])
def test_no_run_on_separable_data_is_called_converged_without_a_word(method):
    fit = jgd.models.logistic(*SEPARATED, ridge=0.0)
    made = (
        None if method is None else jgd.gradient_descent(1.0) if method[0] == "g" else getattr(jgd, method)()
    )
    result = jgd.minimize(fit, method=made, gtol=1e-3)
    assert "there is no minimizer" in "".join(result.notes), str(result)
    held = jgd.minimize(jgd.models.logistic(*SEPARATED, ridge=0.01), method=made)
    assert held.success
    assert held.notes == ()


def test_the_note_says_from_which_step_on_and_not_before_it_is_so():
    X, y = SEPARATED
    given = {"gtol": 0.0, "recorder": jgd.Recorder(x=True)}
    fit = jgd.models.logistic(X, y, ridge=0.0, reduction="mean")
    result = jgd.minimize(fit, np.array([-1.0, 0.5]), jgd.gradient_descent(0.1), max_steps=60, **given)
    (note,) = result.notes
    step = int(note.split("From step ")[1].split()[0])
    margins = (y * (result.history["x"] @ X.T)).min(axis=1)
    assert margins[step] > 0
    assert result.history["value"][step] < np.log(2) / 4 <= result.history["value"][step - 1]
    mixed = jgd.models.logistic(X, np.array([1, -1, -1, 1]), ridge=0.0)
    assert jgd.minimize(mixed, np.zeros(2), jgd.gradient_descent(0.1), max_steps=5).notes == ()
