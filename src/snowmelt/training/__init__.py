"""Training: a thin LightningModule, the data in a fixed order, and exact resume."""
