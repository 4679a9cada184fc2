"""CLA-HDM: hierarchical diagnosis of cervical lymphadenopathy from a B-mode and a Doppler image.

Three two-image networks behind one hard gate (Zhu et al., BMC Medicine 2022, 20:269,
doi 10.1186/s12916-022-02469-z). Plain PyTorch: nothing here knows of Django, and nothing is
imported by this package itself, so `hierarchical_probabilities` and `weights_card` can be used
where torch is not wanted.

    hierarchical_probabilities  probabilities, gating and decisions (no torch)
    weights_card                the model card inside a weights file (no torch)
    preprocess                  uint8 image -> network input
    backbone                    the ResNet extractors, by architecture name
    attention_blocks            channel attention, modality fusion attention
    network                     SubModel, CLAHDM
    layercam                    heatmaps
    weights                     save, load, untrained
    predict                     images in, probabilities and heatmaps out

    recipe               the choices of a training
    augment              images varied as ultrasound varies
    data                 labelled cases, split, order, class weights
    training_checkpoint  a training's state on disk
    distributed          several processes, one training
    pretrained           ImageNet weights from a local file
    train_sub_model      one sub-model's training
    train_clahdm         the three of them, and the weights file
    evaluation           Table 1's rows, calibration, where heatmaps look   (no torch)
"""
