r"""The MCMC benchmark: Markov chain Monte Carlo against diffusion on a known density.

Both turn points drawn from $N(0, 1)$ into draws of a density $q$, and the cost of both is
counted in evaluations: of $\log q$ or its score for a chain, of the score of $q$ at some
noise level, exact or learned, for diffusion. The benchmark measures how close a cloud of
points is to $q$ after a given number of evaluations a point.

There is one chain for each point: the last states are the cloud. This makes the two methods
comparable but is not the best use of chains, since a converged chain yields another draw
every few steps; the table therefore also gives the cost of such a draw.
"""
