"""`forensics train code`: train CoDE's embedding and heads on pictures of the user's own."""

from __future__ import annotations

from pathlib import Path

import click

from forensics.cli.options import debug_option, device_option

_POSITIVE_NUMBER = click.FloatRange(min=0, min_open=True)


@click.command("code", short_help="Train CoDE on real and generated pictures.")
@click.argument("source", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    help="Folder of the training; must be new or empty.",
)
@click.option("--epochs", type=click.IntRange(min=1), default=150, show_default=True, help="The most epochs.")
@click.option(
    "--warmup-epochs",
    type=click.IntRange(min=0),
    default=5,
    show_default=True,
    help="Epochs in which the learning rate climbs.",
)
@click.option(
    "--epoch-steps",
    type=click.IntRange(min=1),
    help="Steps between two validations [default: one pass over the records, at most 1,700].",
)
@click.option(
    "--batch",
    type=click.IntRange(min=2),
    default=256,
    show_default=True,
    help="Pairs in a step, eight views each.",
)
@click.option("--lr", type=_POSITIVE_NUMBER, default=2e-3, show_default=True, help="Highest learning rate.")
@click.option(
    "--weight-decay",
    type=click.FloatRange(min=0),
    default=2e-5,
    show_default=True,
    help="How strongly the weights are drawn to zero.",
)
@click.option(
    "--patience",
    type=click.IntRange(min=1),
    default=6,
    show_default=True,
    help="Epochs without a better validation AUC that end the training.",
)
@click.option(
    "--temperature",
    type=_POSITIVE_NUMBER,
    default=0.1,
    show_default=True,
    help="That of the loss: the lower, the more the nearest other views count.",
)
@click.option(
    "--positive",
    type=click.Choice(["permuted", "same"]),
    default="permuted",
    show_default=True,
    help="A picture's positive is the augmented view of another picture of its class, or its own.",
)
@click.option(
    "--official-loss",
    is_flag=True,
    help="Leave the fake half of the loss out and add the real one twice, as the official code does.",
)
@click.option(
    "--validation-share",
    type=click.FloatRange(min=0, max=1, min_open=True, max_open=True),
    default=0.1,
    show_default=True,
    help="Share of the records that is validated on.",
)
@click.option(
    "--max-unreadable",
    type=click.IntRange(min=0),
    default=10,
    show_default=True,
    help="Pictures that may be unreadable; they are listed and left out.",
)
@click.option(
    "--save-every", type=click.IntRange(min=1), default=100, show_default=True, help="Steps between states."
)
@click.option(
    "--workers",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Processes that prepare pictures; they do not change the result.",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=42,
    show_default=True,
    help="Of all that is drawn by chance.",
)
@device_option
@click.option("--resume", is_flag=True, help="Go on where a killed training of the same options stopped.")
@debug_option
def train_code(
    source: Path,
    output: Path,
    epochs: int,
    warmup_epochs: int,
    epoch_steps: int | None,
    batch: int,
    lr: float,
    weight_decay: float,
    patience: int,
    temperature: float,
    positive: str,
    official_loss: bool,
    validation_share: float,
    max_unreadable: int,
    save_every: int,
    workers: int,
    seed: int,
    device: str,
    resume: bool,
) -> None:
    """Train CoDE's ViT-Tiny from scratch on real photos and generated counterparts, then fit its heads.

    SOURCE is a folder with real/ and fake/ (a generated picture has the path of its photo), or a folder of
    D3 records, as WebDataset .tar shards (KEY.real.jpg, KEY.gen_0.jpg to KEY.gen_3.jpg) or as files. The
    defaults are the published recipe, which needs a GPU.
    """
    from forensics.cli.progress import frame_bar
    from forensics.settings import choose_device
    from forensics.train.code import CodeSettings, Positive, prepare_output, train
    from forensics.train.code_data import collect

    settings = CodeSettings(
        epochs=epochs,
        warmup_epochs=warmup_epochs,
        epoch_steps=epoch_steps,
        batch_pairs=batch,
        lr=lr,
        weight_decay=weight_decay,
        patience_epochs=patience,
        temperature=temperature,
        positive=Positive(positive),
        official_loss=official_loss,
        validation_share=validation_share,
        save_every=save_every,
        seed=seed,
    )
    on = choose_device(device)
    # Before the pictures are read, which may take long.
    prepare_output(output, resume=resume)
    with frame_bar("pictures") as bar:
        data = collect(source, most_unreadable=max_unreadable, on_checked=bar)
    for line in data.unreadable:
        click.echo(f"left out: {line}", err=True)
    if data.unreadable:
        click.echo(f"left out {len(data.unreadable)} unreadable pictures", err=True)
    with frame_bar("steps") as bar:
        result = train(
            data,
            output,
            settings=settings,
            device=on,
            resume=resume,
            workers=workers,
            on_step=lambda step, total, loss: bar(step, total),
        )
    for head, auc in result.validation_auc.items():
        click.echo(f"validation AUC, {head.value}: {auc:.4f}")
    click.echo(f"written after {result.steps} steps: {output}")
