"""Why artifacts differ, in words, on made-up parts of ids."""

from dataclasses import dataclass, replace

import pytest

from genbench.reports.why import compare_now, compare_runs, differences
from genbench.store.artifacts import Store
from genbench.store.digests import digest
from genbench.store.records import ArtifactRecord, ImagesRecord

HEX = "0123456789abcde"


@dataclass(frozen=True)
class Identity:
    parts: dict

    @property
    def id(self):
        return digest(**self.parts)


def stage(**changes):
    """The parts of a stage."""
    options = {"": "DenoiserOptions", "budget": "steps:700", "widths": [8, 16]}
    code = {"DenoiserStage": f"{HEX}0", "denoising_loss": f"{HEX}1"}
    full = {"name": "denoiser", "options": options, "seed": 0, "code": code, "before": {}, "dataset": f"{HEX}d"}
    return Identity({**full, **changes})


def samples(of, **changes):
    """The parts of images that are drawn from a stage."""
    sampler = {"options": {"": "DDIM", "steps": 18, "eta": 0.0}, "code": {"DDIM": f"{HEX}2", "euler": f"{HEX}3"}}
    code = {"LatentRunner": f"{HEX}4", "decode": f"{HEX}5"}
    full = {"stages": {"denoiser": of.id}, "values": {"sampler": sampler}, "seed": 0, "batch_size": 250, "code": code}
    return Identity({**full, **changes})


def score(of, **changes):
    """The parts of a score of images."""
    return Identity(
        {"reads": {"generated": [of.id, 0, 1500]}, "options": {"k": 5}, "code": {"kid": f"{HEX}6"}, **changes}
    )


def identities(denoiser=None, drawn=None, **scores):
    """All identities of a run: three scores, which read its images."""
    denoiser = denoiser or stage()
    drawn = drawn or samples(denoiser)
    names = {
        f"scores/generated/pixels/{name}": score(drawn, options={"name": name}) for name in ("fd", "kid", "recall")
    }
    timing = Identity({**drawn.parts, "seed": None, "machine": {"cpu": "A"}, "libraries": {}})
    return {"stages/denoiser": denoiser, "samples": drawn, "timings": timing, **names, **scores}


@pytest.fixture
def keep(tmp_path, make_record, make_made):
    """Puts a run with these identities into the store and returns its record."""

    def build(run_id, parts, **changes):
        artifacts = []
        for key, identity in parts.items():
            kind, _, name = key.partition("/")
            Store(tmp_path).make(
                kind, identity.id, lambda side: None, lambda _, p=identity.parts: replace(make_made(), parts=p)
            )
            artifacts.append(ArtifactRecord(kind=kind, id=identity.id, reused=False, name=name))
        return replace(make_record(run_id, family="f"), artifacts=tuple(artifacts), **changes)

    return build


@pytest.fixture
def compared(tmp_path, keep):
    """What is said of two runs with these identities."""

    def compare(one, other, **changes):
        return compare_runs(Store(tmp_path), keep("a", one), keep("b", other, **changes))

    return compare


def test_equal_runs(compared):
    assert compared(identities(), identities()) == [
        ("stage denoiser", "equal"),
        ("samples", "equal"),
        ("timing", "equal"),
        ("3 scores", "equal"),
    ]


def test_another_option_and_what_follows_from_it(compared):
    options = {"": "DenoiserOptions", "budget": "steps:900", "widths": [8, 16, 32]}
    assert compared(identities(), identities(stage(options=options))) == [
        (
            "stage denoiser",
            "option budget is steps:700 here, steps:900 there; option widths is [8, 16] here, [8, 16, 32] there",
        ),
        ("samples", "another stage denoiser"),
        ("timing", "another stage denoiser"),
        ("3 scores", "other samples"),
    ]


def test_seeds_are_called_by_what_they_seed(compared):
    first, second = stage(), stage(seed=1)
    assert compared(identities(first), identities(second))[0] == ("stage denoiser", "training seed is 0 here, 1 there")
    lines = dict(compared(identities(first), identities(first, samples(first, seed=3))))
    assert lines["samples"] == "sampling seed is 0 here, 3 there"
    assert lines["stage denoiser"] == lines["timing"] == "equal"


def test_code_is_told_by_definition(compared):
    code = {"LatentRunner": f"{HEX}9", "clip": f"{HEX}7"}
    lines = dict(compared(identities(), identities(stage(), samples(stage(), code=code))))
    assert lines["samples"] == (
        "definition LatentRunner differs; definition decode only here; definition clip only there"
    )


def test_many_differences_are_counted(compared):
    code = {f"function_{i}": f"{HEX}{i}" for i in range(9)}
    words = dict(compared(identities(stage(code=code)), identities(stage(code={}))))["stage denoiser"]
    assert words.startswith("definition function_0 only here; ")
    assert words.endswith("definition function_5 only here; and 3 more")


def test_another_sampler_is_told_by_its_name_alone(compared):
    heun = {"options": {"": "Heun", "steps": 9}, "code": {"Heun": f"{HEX}8"}}
    steps = {"options": {"": "DDIM", "steps": 9, "eta": 0.0}, "code": {"DDIM": f"{HEX}2", "euler": f"{HEX}3"}}
    for sampler, words in ((heun, "sampler is DDIM here, Heun there"), (steps, "sampler steps is 18 here, 9 there")):
        drawn = samples(stage(), values={"sampler": sampler})
        assert dict(compared(identities(), identities(stage(), drawn)))["samples"] == words


def test_machines_and_libraries_are_told_by_value(compared):
    one, other = identities(), identities()
    other["timings"] = Identity({**one["timings"].parts, "machine": {"cpu": "B"}, "libraries": {"scipy": "1.11"}})
    assert dict(compared(one, other))["timing"] == (
        "machine cpu is A here, B there; library scipy is nothing here, 1.11 there"
    )


def test_how_many_images_a_score_is_of(compared):
    drawn = samples(stage())
    one, other = identities(), identities()
    other["scores/generated/pixels/kid"] = score(
        drawn, options={"name": "kid"}, reads={"generated": [drawn.id, 0, 1000]}
    )
    lines = compared(one, other, images=ImagesRecord(id=drawn.id, first=0, count=1000, name="images"))
    assert ("score generated/pixels/kid", "reads generated count is 1500 here, 1000 there") in lines
    assert lines[0] == ("n", "is 1,500 here, 1,000 there")


def test_what_only_one_of_them_has(compared, make_record):
    one, other = identities(), identities()
    del other["timings"]
    other["features/pixels"] = Identity({"x": 1})
    model = replace(make_record().model, name="pixelcnn")
    assert compared(one, other, model=model) == [
        ("model", "is gan here, pixelcnn there"),
        ("stage denoiser", "equal"),
        ("samples", "equal"),
        ("timing", "only here"),
        ("features pixels", "only there"),
        ("3 scores", "equal"),
    ]


def test_parts_that_are_gone(tmp_path, keep):
    one, other = keep("a", identities()), keep("b", identities(stage(seed=1)))
    for path in (tmp_path / "artifacts" / "stages").iterdir():
        (path / "made.json").unlink()
    words = dict(compare_runs(Store(tmp_path), one, other))
    assert words["stage denoiser"].startswith("what it was made from is not known any more")
    assert words["samples"] == "another stage denoiser"


def test_differences_of_nested_values():
    here = {"a": 1, "b": {"c": [1, 2], "d": 3}, "e": {"": "X", "f": 1}}
    there = {"a": 1, "b": {"c": [1, 3]}, "e": {"": "Y", "g": 1}}
    assert list(differences(here, there)) == [
        (("b", "c"), [1, 2], [1, 3]),
        (("b", "d"), 3, None),
        (("e",), "X", "Y"),
    ]
    assert list(differences(here, here)) == []


# ------------------------------------------------------------------------------------------------- then and now


def test_nothing_would_be_made_anew(tmp_path, keep):
    record = keep("a", identities())
    now = {key: identity for key, identity in identities().items() if not key.startswith("scores")}
    assert compare_now(Store(tmp_path), record, now) == [
        ("stage denoiser", "in the store"),
        ("samples", "in the store"),
        ("timing", "in the store"),
        ("3 scores", "in the store, if its own code is as it was"),
    ]


def test_an_edited_runner_draws_anew_and_what_reads_the_images_follows(tmp_path, keep):
    drawn = samples(stage())
    features = {"features/generated": Identity({"images": drawn.id}), "features/real": Identity({"images": "train"})}
    read = {"scores/x": Identity({"reads": {"features": [features["features/generated"].id]}})}
    record = keep("a", {"samples": drawn, **read, **features, "stages/denoiser": stage()})
    edited = samples(stage(), code={"LatentRunner": f"{HEX}9", "decode": f"{HEX}5"})
    assert compare_now(Store(tmp_path), record, {"stages/denoiser": stage(), "samples": edited}) == [
        ("stage denoiser", "in the store"),
        ("samples", "anew: definition LatentRunner differs"),
        ("features generated", "anew: other samples"),
        ("features real", "in the store, if its own code is as it was"),
        ("score x", "anew: other features generated"),
    ]


def test_what_was_deleted_and_what_another_run_has(tmp_path, keep):
    record = keep("a", identities())
    other = identities(stage(seed=1))
    keep("b", other)
    lines = dict(compare_now(Store(tmp_path), record, other))
    assert lines["stage denoiser"] == "in the store, of another run: training seed was 0, is 1 now"
    path = Store(tmp_path).path("stages", stage().id)
    path.rename(path.with_name("gone"))
    now = {"stages/denoiser": stage(), "features/pixels": Identity({"x": 1})}
    lines = dict(compare_now(Store(tmp_path), record, now))
    assert lines["stage denoiser"] == "anew: it was deleted"
    assert lines["features pixels"] == "anew: the run had none"
