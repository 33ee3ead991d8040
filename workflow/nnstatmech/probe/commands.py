"""The command ``nnstatmech probe``: table, picture and sentences on a network of one's own."""

from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from ..errors import NamedProblem


def add_commands(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(probe)


def probe(
    model: Annotated[str, typer.Argument(help="my_models.py:build, torchvision:resnet18, timm:… or examples:mlp")],
    images: Annotated[Path, typer.Option(help="A folder of images; with --scores, of class folders.")],
    argument: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="A keyword argument of the function.")
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Initialisations.")] = 1,
    batch: Annotated[int, typer.Option(min=2, help="Images for noise, gradients and scores.")] = 64,
    size: Annotated[int | None, typer.Option(min=1, help="Side in pixels that images are brought to.")] = None,
    grey: Annotated[bool, typer.Option(help="Take colours away.")] = False,
    layout: Annotated[str | None, typer.Option(help="Letters of axes where they cannot be found: BCHW, TBD, …")] = None,
    scores: Annotated[bool, typer.Option(help="Scores at initialisation instead, each with depth beside it.")] = False,
    out: Annotated[Path, typer.Option(help="Folder of the table and the picture.")] = Path("probe"),
) -> None:
    """Probe a network block by block: a table, a picture, and what they say in sentences."""
    # Here, so that other commands import no torch.
    from ..atlas.standing import sentence
    from ..storage.whole_files import whole_file
    from .inputs import normalised, read_folder
    from .sources import builder

    arguments = dict(map(keyword, argument or []))
    out.mkdir(parents=True, exist_ok=True)
    if scores:
        pixels, labels = labelled(images, size, grey)
        table = scored(builder(model, arguments), normalised(pixels[:batch]), labels[:batch], layout)
        typer.echo(table.drop(columns="definition").to_string(index=False, float_format="{:.4g}".format))
        typer.echo(sentence(table.attrs["atlas"]))
    else:
        table = probed(builder(model, arguments), normalised(read_folder(images, size, grey)), seeds, batch, layout)
        draw(table, out / "probe.png")
    file = out / ("scores.csv" if scores else "probe.csv")
    with whole_file(file) as part:
        table.to_csv(part, index=False)
    typer.echo(f"Written: {file}" + ("" if scores else f", {out / 'probe.png'}"))


def keyword(text: str) -> tuple[str, Any]:
    """``KEY=VALUE`` as the key and the value that YAML reads."""
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise NamedProblem(f"--argument {text}: must be KEY=VALUE")
    return key, yaml.safe_load(value)


def labelled(folder: Path, size: int | None, grey: bool):
    """Images and classes of a folder of class folders."""
    from ..datasets.load import load
    from ..datasets.sources import ImageFolder

    folder = folder.resolve()
    source = ImageFolder.model_validate({"path": str(folder), "size": size, "grey": grey})
    dataset = load(folder.stem, source, folder.parent)
    if dataset.train_labels is None:
        raise NamedProblem(f"{folder} has no class folders, and scores need classes")
    return dataset.train_images, dataset.train_labels


def probed(build, images, seeds: int, batch: int, layout: str | None):
    """The table of a probe; its findings are printed."""
    from .probe import probe_model
    from .sentences import diagnose

    table = probe_model(None, images, build=build, seeds=seeds, batch=batch, layout=layout)
    sentences = [finding.sentence for finding in diagnose(table)]
    for sentence in sentences or ["No finding: which is no promise that it trains, because no lens sees the steps."]:
        typer.echo(sentence)
    return table


def draw(table, path: Path) -> None:
    """The portrait of a probe as a file."""
    from ..figures import style
    from ..storage.whole_files import whole_file
    from .figures.portrait import blocks

    with style.look(), whole_file(path) as part:
        blocks(table, scale="laptop").savefig(part, format=path.suffix[1:], bbox_inches="tight")


def scored(build, images, labels, layout: str | None):
    """Scores of a network at initialisation, the same at each call."""
    import torch

    from ..atlas.standing import score_model
    from .checks import untouched
    from .probe import built

    with untouched():
        model = built(build, 0)
    return score_model(model, images.to(torch.float64), labels, layout=layout)
