"""What the tests share: daemons, services behind them, visitors before them, and the seed's two programs."""
