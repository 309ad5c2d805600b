"""How long a reproduction takes on this machine, and what it needs: measured before it starts.

    from miua.forecast.predict import forecast, print_forecast

    print_forecast(forecast(plan, Path("results/cpu"), cores=2))

Nothing is imported here: trials of steps that use no torch must not load it, as they measure
their memory.
"""
