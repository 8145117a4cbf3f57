"""Which modules of a model are its output layer, wherever they were registered."""

from collections.abc import Iterator

from torch import nn

EMBEDDINGS = (nn.Embedding, nn.EmbeddingBag)
_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
_LAYERS = (nn.Linear, nn.Bilinear, *_CONVOLUTIONS)

NAMES = frozenset(
    {
        *("head", "heads", "lm_head", "classifier", "classifiers", "logits", "to_logits", "output_layer", "out_layer"),
        *("readout", "prediction_head", "final_layer"),
    }
)
"""What the output layer is called in torchvision, timm, transformers and many a script; within numbered blocks, not."""

_TOP_NAMES = frozenset({"fc", "out", "output", "final", "score", "predictor", "qa_outputs"})
"""Its names at the top of a model only: within it, parts of an attention or an MLP are called so, too."""

_WRAPPERS = frozenset({"model", "module", "net", "network", "backbone", "base_model", "_orig_mod"})


def output_layers(model: nn.Module) -> list[nn.Module]:
    """The modules whose weights give the outputs: those with a usual name outside of numbered blocks, else one whose
    outputs no other layer takes, else the last that was registered. Empty where an embedding's weight is the output's.
    """
    if _tied(model):
        return []
    named = list(_by_name(model))
    if named:
        return named
    inner = [one for one in model.modules() if one is not model and not isinstance(one, EMBEDDINGS)]
    layers: list[nn.Module] = [one for one in inner if _own_matrix(one)]
    if isinstance(model, _LAYERS):
        layers = [model]
    open_ended: list[nn.Module] = [one for one in layers if isinstance(one, _LAYERS) and not _is_taken(one, layers)]
    return (open_ended or layers)[-1:]


def _tied(model: nn.Module) -> bool:
    embeddings = {id(one.weight) for one in model.modules() if isinstance(one, EMBEDDINGS)}
    return any(id(one.weight) in embeddings for one in model.modules() if isinstance(one, nn.Linear))


def _by_name(model: nn.Module) -> Iterator[nn.Module]:
    for name, module in model.named_modules():
        *before, last = name.split(".")
        inside = any(part.isdigit() or part in NAMES for part in before)
        if (last in NAMES and not inside) or (last in _TOP_NAMES and _WRAPPERS.issuperset(before)):
            yield from _last_layers(module)


def _last_layers(head: nn.Module) -> Iterator[nn.Module]:
    """The layer itself, the last within it, or that of each of several heads."""
    if isinstance(head, (nn.ModuleList, nn.ModuleDict)):
        for one in head.children():
            yield from _last_layers(one)
        return
    layers = [one for one in head.modules() if isinstance(one, _LAYERS)]
    yield from layers[-1:]


def _own_matrix(module: nn.Module) -> bool:
    return any(one.ndim >= 2 for one in module.parameters(recurse=False))


def _is_taken(layer: nn.Module, layers: list[nn.Module]) -> bool:
    """Whether another layer's inputs may be this one's outputs: as many, or so many channels of flattened images."""
    outputs = _sizes(layer)[1]
    for other in layers:
        inputs = 0 if other is layer or not isinstance(other, _LAYERS) else _sizes(other)[0]
        flattened = isinstance(layer, _CONVOLUTIONS) and isinstance(other, nn.Linear)
        if inputs and (inputs == outputs or (flattened and inputs % outputs == 0)):
            return True
    return False


def _sizes(layer: nn.Module) -> tuple[int, int]:
    if isinstance(layer, _CONVOLUTIONS):
        return layer.in_channels, layer.out_channels
    if isinstance(layer, nn.Bilinear):
        return layer.in1_features, layer.out_features
    assert isinstance(layer, nn.Linear)
    return layer.in_features, layer.out_features
