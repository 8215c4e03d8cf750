"""The sources' experiments, one module each: settings, run, artefact. Nothing else in the package imports them."""

NAMES = ("time-step-spectra",)
