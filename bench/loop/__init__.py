"""What closing the loop is held to: feedback, experiments, rollouts, thresholds and estimates, by simulation with known truth.

Each module of `parts` measures one or two figures and knows nothing of the others, so that one that fails stops no other. What is simulated
is the truth; what judges it is the code that control calls.
"""
