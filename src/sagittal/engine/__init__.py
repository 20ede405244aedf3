"""The machine: plan, prepare, fit, infer."""
