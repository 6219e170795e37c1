"""Our settings for ten minutes, and each choice undone."""

from __future__ import annotations

OURS = ["experiment=classes32"]
WITHOUT_CLASSES = ["experiment=images32"]
# Of the contest: where there are two cores, a process for each is faster than a thread.
PROCESSES = ["trainer=ddp", "trainer.accelerator=cpu", "trainer.precision=bf16-mixed"]
NOTHING = "nothing"
# Of one thread, in which the choices are compared.
ALONE = [*OURS, "trainer.precision=bf16-mixed"]
CHOICES: dict[str, list[str]] = {
    "AdamW instead of Muon, at 2e-3": [
        "optimizer=adamw",
        "training.learning_rate=2e-3",
    ],
    "no classes": ["experiment=images32"],
    "net=unet_tiny": ["net=unet_tiny"],
    "float32": ["trainer.precision=32-true"],
    "eps instead of v": ["prediction=eps"],
    "a linear schedule": ["schedule=linear"],
    "SOAP instead of Muon": ["optimizer=soap"],
    "a learning rate of 2e-3": ["training.learning_rate=2e-3"],
    "batches of 128": ["training.batch_size=128"],
    "net=dit_tiny": ["net=dit_tiny"],
    "batches of 32": ["training.batch_size=32"],
    "a learning rate of 1e-2": ["training.learning_rate=1e-2"],
    "min-SNR weights": ["loss=min_snr"],
    "patches of 2x2, widths 48, 96": [
        "net=unet_tiny",
        "net.patch=2",
        "net.widths=[48,96]",
        "net.blocks=2",
        "net.attention=[false,false]",
        "net.middle_attention=true",
    ],
}
# Choices of the sampling alone: drawn from the training with nothing undone.
DRAWN: dict[str, list[str]] = {
    "no guidance beyond the class": ["guidance.scale=1"],
    "guidance of 2": ["guidance.scale=2"],
    "DDIM instead of DPM-Solver++": ["sampler=ddim", "sampler.steps=25"],
    "10 steps instead of 25": ["sampler.steps=10"],
    "the last weights instead of the average": ["sample.weights=raw"],
}
