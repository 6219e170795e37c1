"""mcmc: a known density in, a table and a picture of chains against diffusion out."""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig

from snowmelt.common.csv_table import write_csv
from snowmelt.common.errors import UserError
from snowmelt.common.files import new_collection
from snowmelt.common.instantiate import build, plain
from snowmelt.common.places import located
from snowmelt.common.threads import single_thread
from snowmelt.densities import Perturbable
from snowmelt.evaluation.mcmc_benchmark import benchmark_table, score_models
from snowmelt.evaluation.mcmc_benchmark.benchmark import measure
from snowmelt.evaluation.settings import MCMCSettings
from snowmelt.pipeline.compatibility.training_rules import built_process
from snowmelt.pipeline.config.chosen_density import (
    density_name,
    results_folder,
)
from snowmelt.viz.run_figures.mcmc_curves import picture
from snowmelt.viz.style import rgb, save_png

LISTING = "mcmc.json"
COLORS = 256


def run(config: DictConfig, root: Path, out: Path | None = None) -> Path:
    """Measure, and write table.md, table.csv and mcmc.png. Returns their folder.

    Args:
        config: reads `density`, `mcmc`, `seed`, and `schedule` and `process` for the way
            that diffusion goes.
        out: the folder; by default one in outputs/mcmc of the density's name.

    Raises:
        UserError: a value out of range, a density on which chains cannot start, a
            checkpoint of other data, or a folder that something else filled.
    """
    settings = MCMCSettings.of(plain(config.mcmc))
    if not 0 <= config.seed < 2**32:
        raise UserError(f"seed must be between 0 and 2^32 - 1, got {config.seed}")
    folder = results_folder(config, root, "mcmc", out)
    density = build(config.density, Perturbable, root=root)
    followed = [score_models.exact(density, built_process(config))]
    if settings.checkpoint is not None:
        checkpoint = located(root, settings.checkpoint)
        followed.append(score_models.learned(density, checkpoint, root))
    with new_collection(folder, LISTING) as draft:
        try:
            # The tensors are small: threads would wait longer than they work.
            with single_thread():
                measured = measure(density, followed, settings, seed=config.seed)
        except ValueError as error:
            raise UserError(f"mcmc: {error}") from error
        words = benchmark_table.markdown(measured)
        (draft / "table.md").write_text(words, encoding="utf-8")
        write_csv(draft / "table.csv", benchmark_table.cloud_rows(measured))
        drawn = rgb(picture(measured, density_name(config, root)))
        # A palette is enough for lines, and a third of the bytes.
        save_png(drawn.quantize(COLORS), draft / "mcmc.png")
    print(words)
    return folder
