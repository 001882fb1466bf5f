"""Cosine and Fourier transforms along one axis. All keep the sum of squares, and each is undone by its inverse."""

from __future__ import annotations

from nas.errors import ShapeError
from nas.graph.operators.axes import along, last_axis, made_of, position, resized, size_along
from nas.graph.operators.table import Argument, Attributes, Module, Operator, Types, Weight, register
from nas.graph.types import Axis, TensorType


def _register_cosine(name: str, equation: str, doc: str, inverse: tuple[tuple[str, bool], ...]) -> None:
    def infer(types: Types, attrs: Attributes) -> TensorType:
        position(name, types[0], attrs["axis"])
        return types[0]

    def basis(types: Types, attrs: Attributes) -> tuple[Weight, ...]:
        n = size_along(name, types, attrs)
        return (Weight("basis", (n, n), trainable=False, buffer=True),)

    register(
        Operator(
            name=name,
            equation=equation,
            example=f"{name}(x, axis=tokens)",
            doc=doc,
            source="Ahmed, Natarajan & Rao 1974",
            arguments=(last_axis(),),
            infer=infer,
            weights=basis,
            macs=lambda types, attrs, out: out.size * size_along(name, types, attrs),
            module=lambda types, attrs: Module("CosineTransform", (size_along(name, types, attrs),), inverse),
            forward=lambda types, attrs, out, module, args: along(types, attrs, module, args[0], name),
            layers=("nas.layers.cosine_transform:CosineTransform",),
            keeps_zero=lambda attrs: True,
        )
    )


_register_cosine(
    "dct",
    "y[k] = sₖ Σᵢ x[i] cos(π (i + ½) k / |axis|), s₀ = √(1/|axis|), sₖ = √(2/|axis|)",
    "The orthonormal cosine transform (DCT-II) of an axis, as a product with a matrix that does not learn.",
    (),
)
_register_cosine(
    "idct",
    "y[i] = Σₖ sₖ x[k] cos(π (i + ½) k / |axis|), s₀ = √(1/|axis|), sₖ = √(2/|axis|)",
    "The inverse of `dct`.",
    (("inverse", True),),
)


def _fft_macs(type_: TensorType, n: int, size: int) -> int:
    """Half of a radix-2 transform's n/2 · log₂ n butterflies, each a complex product of four real ones, for each line."""
    return type_.size // size * n * (n - 1).bit_length()


def _infer_rfft(types: Types, attrs: Attributes) -> TensorType:
    index = position("rfft", types[0], attrs["axis"])
    spectrum = resized(types[0], index, types[0].axes[index].size // 2 + 1)
    return made_of("rfft", types[0], (Axis(attrs["into"], 2), *spectrum.axes))


def _rfft(types: Types, attrs: Attributes, out: TensorType, module: str, args: list[str]) -> str:
    dim = position("rfft", types[0], attrs["axis"]) + 1
    return f'torch.view_as_real(torch.fft.rfft({args[0]}.float(), dim={dim}, norm="ortho")).movedim(-1, 1)'


def _irfft_positions(types: Types, attrs: Attributes) -> tuple[int, int]:
    """Where the parts and the frequencies are."""
    type_, n = types[0], attrs["n"]
    parts, index = position("irfft", type_, attrs["parts"]), position("irfft", type_, attrs["axis"])
    if parts == index or type_.axes[parts].size != 2:
        raise ShapeError(
            f"`irfft` needs an axis of the two parts, real and imaginary, besides the frequencies; "
            f"got `{type_.axes[parts]}` of {type_}"
        )
    if type_.axes[index].size != n // 2 + 1:
        raise ShapeError(f"`irfft` to n = {n} needs {n // 2 + 1} frequencies, got `{type_.axes[index]}` of {type_}")
    return parts, index


def _infer_irfft(types: Types, attrs: Attributes) -> TensorType:
    parts, index = _irfft_positions(types, attrs)
    axes = resized(types[0], index, attrs["n"]).axes
    return TensorType((*axes[:parts], *axes[parts + 1 :]))


def _irfft(types: Types, attrs: Attributes, out: TensorType, module: str, args: list[str]) -> str:
    parts, index = _irfft_positions(types, attrs)
    dim = index + 1 if index < parts else index
    spectrum = f"torch.complex(*{args[0]}.float().unbind({parts + 1}))"
    return f'torch.fft.irfft({spectrum}, {attrs["n"]}, dim={dim}, norm="ortho")'


_COUNTED = "MACs, which torch does not count, are |axis| · ⌈log₂ |axis|⌉ for each line."

register(
    Operator(
        name="rfft",
        equation="y[0, k] + i y[1, k] = Σⱼ x[j] exp(−2πi j k / |axis|) / √|axis|, k = 0 … ⌊|axis| / 2⌋",
        example="rfft(x, axis=tokens)",
        doc=f"The Fourier transform of real numbers; real and imaginary parts stand along a new first axis. {_COUNTED}",
        source="Cooley & Tukey 1965",
        arguments=(
            last_axis(),
            Argument("into", "axis", "the name of the new axis of the two parts", default="parts"),
        ),
        infer=_infer_rfft,
        macs=lambda types, attrs, out: _fft_macs(types[0], *(size_along("rfft", types, attrs),) * 2),
        forward=_rfft,
        keeps_zero=lambda attrs: True,
    )
)
register(
    Operator(
        name="irfft",
        equation="y[j] = Σₖ (x[0, k] + i x[1, k]) exp(2πi j k / n) / √n, the other half of x being its mirror",
        example="irfft(x, 8, axis=tokens)",
        on=("parts=2, tokens=5, channels=16",),
        doc=f"The inverse of `rfft`, to an axis of size n; both n = 2k and 2k + 1 have k + 1 frequencies. {_COUNTED}",
        source="Cooley & Tukey 1965",
        arguments=(
            Argument("n", "size", "the size that the axis had before `rfft`"),
            last_axis("the axis of the frequencies"),
            Argument("parts", "axis", "the axis of the two parts, which goes", default="parts"),
        ),
        infer=_infer_irfft,
        macs=lambda types, attrs, out: _fft_macs(out, attrs["n"], attrs["n"]),
        forward=_irfft,
        keeps_zero=lambda attrs: True,
    )
)
