"""What closing the loop is held to: experiments, thresholds and estimates, by simulation with known truth."""
