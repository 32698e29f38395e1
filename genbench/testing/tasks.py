"""What every task must be, as tests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor

from genbench.discovery.plugins import load_plugins
from genbench.drawing.seeds import image_keys
from genbench.interfaces.data import Column, ConditionSpec, Dataset, DataSpec, ImageSet
from genbench.interfaces.tasks import Examples, Task
from genbench.registry.names import UnknownNameError
from genbench.store.records import AT_HELD_OUT, GENERATED, HELD_OUT, NOISE
from genbench.testing.images import check_images
from genbench.testing.made_up import COLOUR, GREY, entries, made_up, same
from genbench.testing.suite import ValueSuite, assert_reason

ROWS = (GENERATED, AT_HELD_OUT, HELD_OUT, NOISE)
PARTS = ((0, 1), (4, 5), (11, 1))
"""(first, count) of parts of twelve requests."""


class TaskConformance(ValueSuite):
    """Subclass it with the `name` that the task is registered by. `data` are the kinds of images tried; those that
    `unsupported` refuses are passed over. Datasets have labels where the spec names classes, captions, groups, images
    and masks; override `dataset` for others.
    """

    kind = "task"
    data: ClassVar[Sequence[DataSpec]] = (GREY, COLOUR)

    @classmethod
    def dataset(cls, spec: DataSpec) -> Dataset:
        """Made-up images of this spec, with a column of every standard name."""
        return made_up(spec)

    def test_it_serves_some_data_and_says_why_not_others(self) -> None:
        task: Task = self.build()
        reasons = [task.unsupported(self.dataset(spec)) for spec in self.data]
        assert None in reasons, f"unsupported() refuses all data of this suite: {reasons[0]}"
        for reason in filter(None, reasons):
            assert_reason(reason, "a dataset")

    def test_what_it_brings_is_registered(self) -> None:
        defaults = self.build().defaults
        assert isinstance(defaults, Mapping), "`defaults` is a mapping from groups to the options that it brings"
        for group, name in defaults.items():
            try:
                load_plugins().registry.get(group, name)
            except UnknownNameError as error:
                pytest.fail(f"defaults brings {group}={name}: {error}")

    def test_its_conditions_are_known_before_any_data(self) -> None:
        for task, dataset in self._tasks():
            conditions = task.conditions(dataset.spec)
            assert isinstance(conditions, tuple), f"conditions() returns {conditions!r}: return a tuple"
            assert all(isinstance(each, ConditionSpec) for each in conditions), (
                "conditions() holds no ConditionSpecs only"
            )
            assert len({each.name for each in conditions}) == len(conditions), "two conditions have one name"
            assert conditions == task.conditions(dataset.spec), "asked twice, conditions() says two things"

    def test_training_conditions_are_those_it_announced(self) -> None:
        for task, dataset in self._tasks():
            indices = torch.tensor([5, 0, 5, 7])
            torch.manual_seed(0)
            shown = task.training(_examples(dataset, indices), indices, torch.Generator().manual_seed(3))
            self._check_columns(task, dataset, shown, 4, "training()")
            torch.manual_seed(1)
            again = task.training(_examples(dataset, indices), indices, torch.Generator().manual_seed(3))
            for name, column in shown.items():
                assert same(column, again[name]), (
                    f"training() draws '{name}' from something else than the generator that it is given: training that"
                    " goes on after an interrupt would see other conditions"
                )

    def test_requests_are_those_it_announced(self) -> None:
        for task, dataset in self._tasks():
            self._check_columns(task, dataset, task.request(dataset, image_keys(0, 3, 12), 3), 12, "request()")

    def test_a_request_depends_on_its_number_and_key_alone(self) -> None:
        for task, dataset in self._tasks():
            start, keys = 10, image_keys(3, 10, 12)
            whole = task.request(dataset, keys, start)
            for name, column in task.request(dataset, keys, start).items():
                assert same(column, whole[name]), f"asked twice, request() gives two '{name}': draw it from the keys"
            others = torch.cat((keys[:6], image_keys(4, 16, 6)))
            for name, column in task.request(dataset, others, start).items():
                assert same(column[:6], whole[name][:6]), f"'{name}' of a request depends on the keys of others"
            for first, count in PARTS:
                part = task.request(dataset, keys[first : first + count], start + first)
                for name, column in part.items():
                    assert same(column, entries(whole[name], torch.arange(first, first + count))), (
                        f"'{name}' of request {start + first} depends on which batch it is in: entry i may depend on"
                        " start + i and keys[i] only"
                    )

    def test_pairs_are_those_of_the_requests(self) -> None:
        for task, dataset in self._tasks():
            start, keys = 10, image_keys(3, 10, 12)
            whole = task.pairs(dataset, keys, start)
            if whole is None:
                continue
            check_images(whole, "pairs()")
            assert len(whole) == 12, f"pairs() gives {len(whole)} images for 12 requests: image i belongs to request i"
            assert whole.shape == dataset.spec.shape, (
                f"pairs are images of {whole.shape}, and drawn ones of {dataset.spec.shape}: they are"
                " compared pixel by pixel"
            )
            for first, count in PARTS:
                part = task.pairs(dataset, keys[first : first + count], start + first)
                assert part is not None, f"pairs() has none for requests {start + first}, …, and had some"
                assert torch.equal(part.read(0, count), whole.read(first, first + count)), (
                    f"the pair of request {start + first} depends on which batch it is in: image i may depend on"
                    " start + i and keys[i] only"
                )

    def test_what_images_are_compared_with_is_there(self) -> None:
        for task, dataset in self._tasks():
            self._check_reference(task.reference(dataset), dataset)
            for name, images in task.baselines(dataset).items():
                assert name not in ROWS, f"baselines() calls a set '{name}', which every run has: choose another name"
                check_images(images, f"baselines()['{name}']")

    # ------------------------------------------------------------------------------------------------------- helpers

    def _tasks(self) -> Iterator[tuple[Task, Dataset]]:
        """The task, with each dataset that it serves."""
        for spec in self.data:
            dataset = self.dataset(spec)
            if self.build().unsupported(dataset) is None:
                yield self.build(), dataset

    def _check_columns(
        self, task: Task, dataset: Dataset, columns: Mapping[str, Column], count: int, what: str
    ) -> None:
        conditions = task.conditions(dataset.spec)
        missing = [spec.name for spec in conditions if spec.name not in columns]
        assert not missing, f"{what} gives no '{missing[0]}', which conditions() announces"
        for name, column in columns.items():
            assert len(column) == count, f"{what} gives {len(column)} entries of '{name}' for {count} images"
            if isinstance(column, Tensor):
                assert column.device.type == "cpu", f"{what} gives '{name}' on {column.device}: return it where it was"
        for spec in conditions:
            self._check_column(spec, columns[spec.name], what)

    def _check_column(self, spec: ConditionSpec, column: Column, what: str) -> None:
        announced = f"'{spec.name}' is announced as {spec.dtype} {list(spec.shape)} and {what} gives"
        if spec.dtype == "text":
            assert not isinstance(column, Tensor), f"{announced} a tensor: return a list of texts"
            assert all(isinstance(text, str) for text in column), f"{announced} something that is no text"
            return
        assert isinstance(column, Tensor), f"{announced} a {type(column).__name__}: return a tensor"
        assert str(column.dtype) == f"torch.{spec.dtype}", f"{announced} {column.dtype}"
        assert tuple(column.shape[1:]) == spec.shape, f"{announced} {list(column.shape[1:])}"

    def _check_reference(self, reference: ImageSet, dataset: Dataset) -> None:
        check_images(reference, "reference()")
        assert len(reference) > 1, "reference() is one image: a distance to it needs two at least"
        assert reference.shape == dataset.spec.shape, (
            f"reference() has images of {reference.shape}, and drawn ones are {dataset.spec.shape}"
        )


def _examples(dataset: Dataset, indices: Tensor) -> Examples:
    """A training batch with its columns, as the training loop gives it."""
    train = dataset.splits["train"]
    columns: dict[str, Any] = {name: entries(column, indices) for name, column in train.columns.items()}
    return Examples(train.take(indices), columns)
