"""What benchmarks share: timing side by side, a site of one's own, the peers."""
