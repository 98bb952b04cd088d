"""The options that say which dataset a folder is and which part of it is meant."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from forensics.cli.sections import option, together

if TYPE_CHECKING:
    from forensics.data.dataset import Dataset

Command = TypeVar("Command", bound=Callable[..., Any])

DATASET = "Dataset"
PLAIN = "manifest"


def dataset_options(*, default: str | None = None) -> Callable[[Command], Command]:
    """`--as` and the options that choose a part of a dataset; they go to `chosen_dataset`."""
    return together(
        option(
            DATASET,
            "--as",
            "dataset_name",
            required=default is None,
            default=default,
            show_default=default is not None,
            metavar="NAME",
            help="Which dataset it is: one of those that `forensics data datasets` lists.",
        ),
        option(
            DATASET,
            "--split",
            type=click.Choice(["train", "val", "test"]),
            help="This split only [default: all].",
        ),
        option(
            DATASET,
            "--compression",
            metavar="C",
            help="This one only, as c23 [default: all].",
        ),
        option(
            DATASET,
            "--splits",
            type=click.Path(file_okay=False, path_type=Path),
            help="The folder of the official split files, if not with the dataset.",
        ),
    )


allow_options = together(
    option(DATASET, "--allow-missing", is_flag=True, help="Do without files that are listed and not there."),
    option(DATASET, "--allow-leaks", is_flag=True, help="Allow identities in more than one split."),
)


def chosen_dataset(
    folder: Path, *, dataset_name: str, split: str | None, compression: str | None, splits: Path | None
) -> Dataset:
    """The part of a dataset that the options of `dataset_options` ask for."""
    from forensics.data.dataset import ReadOptions, read_dataset
    from forensics.data.faces import Split

    dataset = read_dataset(dataset_name, folder, ReadOptions(splits=splits))
    return dataset.only(split=None if split is None else Split(split), compression=compression)
