"""`forensics data check`, `datasets` and `manifest`: what published datasets hold, before they are used."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from forensics.cli.dataset_options import allow_options, chosen_dataset, dataset_options
from forensics.cli.options import debug_option
from forensics.cli.progress import frame_bar
from forensics.cli.sections import SectionedCommand

if TYPE_CHECKING:
    from forensics.data.dataset import Dataset

# So many names are shown of each list; the JSON has all.
_NAMES_SHOWN = 10


@click.command("check", cls=SectionedCommand, short_help="Say what a dataset's folder holds and lacks.")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--both-classes", is_flag=True, help="Refuse splits without real or without fake items.")
@click.option("--probe", is_flag=True, help="Open each file too.")
@click.option(
    "--max-unreadable",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="With --probe, accept so many files that cannot be opened.",
)
@click.option("--json", "as_json", is_flag=True, help="Print all of it as JSON.")
@dataset_options()
@allow_options
@debug_option
def check_command(
    folder: Path,
    allow_missing: bool,
    allow_leaks: bool,
    both_classes: bool,
    probe: bool,
    max_unreadable: int,
    as_json: bool,
    **chosen: Any,
) -> None:
    """Say what FOLDER holds of a dataset: items of each kind, what is missing, what lies there besides.

    Ends with exit code 3 if files are missing, if an identity lies in two splits, or if too many files cannot
    be opened.
    """
    from forensics.data.dataset import refuse_faults
    from forensics.data.faces import DatasetError, some

    dataset = chosen_dataset(folder, **chosen)
    unreadable: tuple[str, ...] = ()
    if probe:
        from forensics.data.probing import unreadable as unreadable_of

        with frame_bar("files") as progress:
            unreadable = unreadable_of(dataset.records, progress=progress)
    if as_json:
        plain = _plain(dataset, chosen["dataset_name"], unreadable if probe else None)
        click.echo(json.dumps(plain, indent=1, ensure_ascii=False))
    else:
        _print(dataset, unreadable if probe else None)
    refuse_faults(dataset, allow_missing=allow_missing, allow_leaks=allow_leaks, both_classes=both_classes)
    if len(unreadable) > max_unreadable:
        raise DatasetError(f"{folder}: {len(unreadable)} items cannot be opened: {some(unreadable)}")


@click.command("datasets", short_help="List the known datasets and their layouts.")
@click.option("--json", "as_json", is_flag=True, help="Print the list as JSON.")
@debug_option
def datasets_command(as_json: bool) -> None:
    """List the datasets that are read from the folder they are distributed as, and how that must look."""
    from forensics.data.dataset import dataset_module, dataset_names

    modules = {name: dataset_module(name) for name in dataset_names()}
    if as_json:
        rows = [
            {"name": name, "summary": module.SUMMARY, "layout": module.LAYOUT}
            for name, module in modules.items()
        ]
        click.echo(json.dumps(rows, indent=1, ensure_ascii=False))
        return
    for name, module in modules.items():
        click.echo(f"{name}: {module.SUMMARY}\n    {module.LAYOUT}")


@click.command("manifest", cls=SectionedCommand, short_help="List a dataset's items in a file to edit.")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), required=True, help="A new .csv or .jsonl file."
)
@dataset_options()
@debug_option
def manifest_command(folder: Path, output: Path, **chosen: Any) -> None:
    """List the items of the dataset in FOLDER as a plain manifest, which every command reads by default.

    Missing files and identities in two splits are told, not refused: they are refused where it is used.
    """
    from forensics.data.plain_manifest import write_manifest
    from forensics.errors import OutputError

    if output.exists():
        raise OutputError(f"{output}: exists; name a new file")
    dataset = chosen_dataset(folder, **chosen)
    write_manifest(dataset.records, output)
    click.echo(f"{len(dataset.records)} items in {output}")
    for name, found in (("missing", dataset.missing_names), ("in more than one split", dataset.leaking)):
        if found:
            click.echo(_list(name, found), err=True)


def _print(dataset: Dataset, unreadable: Sequence[str] | None) -> None:
    from forensics.data.dataset import count

    table = Table("split", "label", Column("method", overflow="fold"), "compression", "items")
    for kind, number in sorted(count(dataset.records).items()):
        table.add_row(*map(escape, kind), str(number))
    Console().print(table)
    click.echo(_list("missing", dataset.missing_names))
    click.echo(_list("extra", dataset.extra))
    click.echo(_list("identities in more than one split", dataset.leaking))
    if unreadable is not None:
        click.echo(_list("cannot be opened", unreadable))


def _plain(dataset: Dataset, name: str, unreadable: Sequence[str] | None) -> dict[str, Any]:
    from forensics.data.dataset import count

    counts = [
        {"split": split, "label": label, "method": method, "compression": compression, "items": number}
        for (split, label, method, compression), number in sorted(count(dataset.records).items())
    ]
    return {
        "dataset": name,
        "folder": str(dataset.root),
        "items": len(dataset.records),
        "counts": counts,
        "missing": dataset.missing_names,
        "extra": dataset.extra,
        "leaking_identities": dataset.leaking,
        "unreadable": unreadable,
    }


def _list(title: str, names: Sequence[str]) -> str:
    shown = "".join(f"\n  {name}" for name in names[:_NAMES_SHOWN])
    more = f"\n  and {len(names) - _NAMES_SHOWN} more; --json lists all" if len(names) > _NAMES_SHOWN else ""
    return f"{title}: {len(names) or 'none'}{shown}{more}"
