"""The tests that claims.yaml may name: each is registered where it is defined."""
