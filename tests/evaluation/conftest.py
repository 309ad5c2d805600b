from tests.metrics.conftest import stand_in_weights

__all__ = ["stand_in_weights"]
