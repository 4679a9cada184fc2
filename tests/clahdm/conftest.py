import pytest
import torch

from inference.clahdm.network import CLAHDM
from inference.clahdm.weights import untrained


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    torch.set_num_threads(1)


@pytest.fixture
def tiny() -> CLAHDM:
    """A tiny network whose channel attention is not the identity it starts as."""
    model, _ = untrained("tiny", 0)
    generator = torch.Generator().manual_seed(1)
    for sub_model in model.values():
        excite = sub_model.channel_attention.excite
        with torch.no_grad():
            excite.weight.normal_(generator=generator)
            excite.bias.normal_(generator=generator)
    return model


@pytest.fixture
def images(tiny) -> tuple[torch.Tensor, torch.Tensor]:
    """Five unlike cases: BUS and CDFI, (5, 3, S, S) float32 each."""
    generator = torch.Generator().manual_seed(2)
    scale = torch.tensor([0.3, 1.0, 3.0, 0.1, 2.0])[:, None, None, None]
    shape = (5, 3, tiny.input_size, tiny.input_size)
    bus, cdfi = (torch.randn(shape, generator=generator) * scale for _ in range(2))
    return bus, cdfi
