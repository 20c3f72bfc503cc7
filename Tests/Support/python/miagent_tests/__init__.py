"""What all tests that run programs share: daemons, services behind them, proxies and visitors before them, waiting."""
