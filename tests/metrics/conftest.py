from pathlib import Path

import pytest

from miua.metrics.inception_weights import InceptionWeights, find_inception_weights


@pytest.fixture(scope="session")
def stand_in_weights(tmp_path_factory: pytest.TempPathFactory) -> InceptionWeights:
    """Random weights of torch-fidelity's Inception network, in a file like the published one."""
    import torch
    from torch_fidelity import feature_extractor_inceptionv3 as published

    torch.manual_seed(0)
    with pytest.MonkeyPatch.context() as patch:
        # The constructor insists on loading weights; here it is only to lay out the network.
        patch.setattr(published, "load_state_dict_from_url", lambda *_, **__: {})
        patch.setattr(torch.nn.Module, "load_state_dict", lambda *_, **__: None)
        network = published.FeatureExtractorInceptionV3("stand-in", ["2048"], verbose=False)
    for name, parameter in network.named_parameters():
        if name.endswith("conv.weight"):
            torch.nn.init.kaiming_normal_(parameter)
    path: Path = tmp_path_factory.mktemp("weights") / "stand-in.pth"
    torch.save(network.state_dict(), path)
    return find_inception_weights(path, expected_sha256="")
