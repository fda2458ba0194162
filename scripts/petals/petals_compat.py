"""Makes petals 2.2.0.post1 and hivemind 1.1.10 importable next to a current torch. Import it before either.

Neither package is changed on disk: what a server sends and answers is that of the released version.
"""

import torch.amp.grad_scaler as current
import torch.cuda.amp.grad_scaler as former

# hivemind takes these names from where they lay before torch 2.3.
for name in ("OptState", "_refresh_per_optimizer_state"):
    if not hasattr(former, name):
        setattr(former, name, getattr(current, name))


def without_version_check() -> None:
    """PETALS asks PyPI for newer versions when a server starts: a wait and an error without a network."""
    import petals.cli.run_server as cli
    import petals.utils.version as version

    def do_nothing() -> None:
        return None

    version.validate_version = do_nothing
    cli.validate_version = do_nothing
