"""Exploration: weights that follow what the arms earn, and never stop trying the others.

`block` is what an endpoint document says of it, and needs no numpy; `evidence` is what was earned by each arm, from outcomes and their
`rewards`; `best` how probable it is that an arm is the best one; `policies` make weights of that, and `thought` says whether they are to be published. Control publishes them as routing revisions, so every choice is made by
the split and has its true propensity on its sample, as any other has.
"""
