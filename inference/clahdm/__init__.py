"""CLA-HDM: hierarchical diagnosis of cervical lymphadenopathy from a B-mode and a Doppler image.

Three two-image networks behind one hard gate (Zhu et al., BMC Medicine 2022, 20:269,
doi 10.1186/s12916-022-02469-z). Plain PyTorch: nothing here knows of Django, and nothing is
imported by this package itself, so `hierarchy` and `card` can be used where torch is not wanted.

    hierarchy   probabilities, gating and decisions              (no torch)
    card        the model card inside a weights file             (no torch)
    preprocess  uint8 image -> network input
    backbone    the ResNet extractors, by architecture name
    attention   channel attention, modality fusion attention
    network     SubModel, CLAHDM
    layercam    heatmaps
    weights     save, load, untrained
    predict     images in, probabilities and heatmaps out
"""
