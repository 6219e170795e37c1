"""How fast a training is, beside other libraries': `make bench`, and `make bench-gpu`.

It stands among the tests because it is run on the package, not by it, and needs what no
user needs: the peers have an environment of their own, `.venv-bench`, which sees torch and
the other packages of `.venv`, so that all are timed with the same torch.
"""
