r"""Markov chain Monte Carlo against diffusion, on a density that is known.

Both turn a cheap cloud of points, $N(0, 1)$, into draws of a density $q$, and both pay by
the evaluation: a chain asks for $\log q$ or its score, diffusion for the score of $q$ at
some noise level, by a network or exactly. So the question is how near to $q$ a cloud is
after so many evaluations a point.

- `settings`: how many points, seeds and evaluations;
- `starts`: where chains begin, widely or all in one place;
- `chains`: the chains, their step sizes tuned as they go, at every budget;
- `diffusion`: samplers along the noise levels, with the exact score or a learned one;
- `quality`: how near a cloud is, and what two true clouds would get;
- `measuring`: all of it, over seeds;
- `table`: in Markdown and CSV.

Chains are one a point here: their last states are the cloud. That is how the two are alike,
not how chains are used best. A chain that has arrived gives one more draw for every few
steps; the table therefore also says what such a draw costs.
"""
