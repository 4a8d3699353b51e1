"""What holds for every test: how long the examples of a property may take."""

from hypothesis import HealthCheck, settings

# A busy machine is no defect: laws are held to their examples, not to the clock.
settings.register_profile("hyperplan", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("hyperplan")
