"""`lrtune workers`."""

from typing import Annotated

import typer

from lrtune.service.cli.commands.programs import SEPARATOR
from lrtune.service.cli.commands.workers import options as of
from lrtune.service.cli.commands.workers.engines import followed
from lrtune.service.cli.commands.workers.manifests import written
from lrtune.service.cli.commands.workers.passing_on import Passing
from lrtune.service.cli.options import Server

app = typer.Typer(add_completion=False)


@app.command("workers", cls=Passing, context_settings={"allow_interspersed_args": False})
def workers(
    ctx: typer.Context,
    program: Annotated[
        list[str] | None,
        typer.Argument(metavar=f"[{SEPARATOR} PROGRAM ARGUMENTS…]", help="As of `lrtune worker`.", show_default=False),
    ] = None,
    *,
    on: Annotated[of.On, typer.Option("--on", help="What runs them.")] = of.On.local,
    number: Annotated[
        int | None,
        typer.Option(
            "-n",
            "--number",
            min=1,
            max=10_000,
            help="Workers, at the most: fewer while the study has work for fewer.",
            show_default="with --on local one a GPU",
        ),
    ] = None,
    gpus: Annotated[
        float | None,
        typer.Option(min=0, help="Of each worker, its own.", show_default="with --on local 1, where there are some"),
    ] = None,
    cpus: Annotated[float | None, typer.Option(min=0.01, help="Of each worker.", show_default="the engine's")] = None,
    memory: Annotated[
        str | None, typer.Option(metavar="SIZE", help="Of each worker: 16G.", show_default="the engine's")
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Of the fleet: trials name worker 3 NAME-3.", show_default="made up")
    ] = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="All of them until the study is finished, with work or without.")
    ] = False,
    token_file: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="With the token, where workers run.",
            show_default="they are told this one's",
        ),
    ] = None,
    server: Server = None,
    address: of.Address = None,
    resource: of.Resource = None,
    working_dir: of.WorkingDir = None,
    partition: of.Partition = None,
    account: of.Account = None,
    qos: of.Qos = None,
    constraint: of.Constraint = None,
    time: of.Time = "4:00:00",
    sbatch: of.Sbatch = None,
    folder: of.Folder = "lrtune-jobs",
    cluster: of.Cluster = "slurm",
    detach: of.Detach = False,
    image: of.Image = None,
    namespace: of.Namespace = None,
    secret: of.Secret = None,
    node_selector: of.NodeSelector = None,
    service_account: of.ServiceAccount = None,
    gpu_resource: of.GpuResource = "nvidia.com/gpu",
    service_image: of.ServiceImage = None,
) -> None:
    """Train a study's trials with many workers: on this machine, Ray, Slurm or Kubernetes.

    Each runs `lrtune worker` with the options and the program that are given here: --study, --task and all others
    that it has. They end when the study is finished. One that dies is replaced; one that ends three times in a row
    with the same error is not, and where none is left the command ends with that.

    SIGTERM or Ctrl-C ends all workers, which give their trials back (a second one ends them at once). With --on slurm
    --detach the command only submits them. With --on kubernetes it prints manifests for `kubectl apply -f -`.
    """
    of.check_engine(ctx, on)
    asked = dict(ctx.params)
    if on is of.On.kubernetes:
        written(ctx, asked)
    else:
        raise typer.Exit(followed(ctx, asked))
