"""Feature extractors: what turns a stack of grey images into one row of numbers an image.

    extractor = TorchExtractor(Path("swav.pt"), Preprocessing(size=224))
    features = cached_features(extractor, stack)        # (N, d)

The Frechet distance, the kernel distance and the neighbourhood metrics take the rows of any of
them. Whatever changes the features, weights and preprocessing, is in an extractor's `sha256`; with
its `name` it is what cached features are found by.
"""

import hashlib
import io
import re
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from miua.errors import MissingExtraError, MiuaError
from miua.files import atomic_open, data_folder, sha256_array, sha256_file
from miua.metrics.stacks import Grey
from miua.progress import Progress

BATCH_SIZE = 32
CACHE_VERSION = 2
MAX_CODE = 10**8  # bytes of one file of TorchScript
FEWEST_DIGITS = 8  # different ones of 16; a true digest has fewer once in 10**18 times
# What of TorchScript's operators opens files. A name is one word, however the code is laid out.
_TOUCHES_FILES = re.compile(r"\b(?:save|from_file|load_tensor)\b")


@runtime_checkable
class FeatureExtractor(Protocol):
    """Anything that measures a stack (N, H, W) as features (N, d); d is its own."""

    @property
    def name(self) -> str:
        """Short, for the names of metrics: "inception", or a file's stem."""

    @property
    def sha256(self) -> str:
        """Identifies weights and preprocessing: of extractors of one name, equal digests mean equal
        features. A placeholder, such as 64 zeros, is refused."""

    def features(self, stack: Grey) -> NDArray[np.float32]:
        """One row an image, whatever the other images are."""


@dataclass(frozen=True)
class Preprocessing:
    """What is done to the grey values 0..255 before a network sees them, in this order.

    They are divided by 255. size: side or (height, width) in pixels to resize to (bilinear, with
    antialiasing), None for the images as they are. channels: how often the grey image is repeated,
    1 or 3. mean, std: one number a channel, subtracted and divided by; None for 0 and 1.
    ValueError: another number of channels or of means, a size or a std that is not positive.
    """

    channels: int = 3
    size: int | tuple[int, int] | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        if self.channels not in (1, 3):
            raise ValueError(f"channels must be 1 or 3, not {self.channels}")
        size = (self.size, self.size) if isinstance(self.size, int) else self.size
        if size is not None and (len(size) != 2 or min(size) < 1):
            raise ValueError(f"size must be a side or (height, width) in pixels, not {size}")
        # One way to write each preprocessing, as the digest of an extractor is taken over it.
        object.__setattr__(self, "size", size)
        for name in ("mean", "std"):
            values = getattr(self, name)
            if values is not None and len(values) != self.channels:
                raise ValueError(f"{name} must hold {self.channels} numbers, not {len(values)}")
            object.__setattr__(self, name, values and tuple(map(float, values)))
        if self.std is not None and min(self.std) <= 0:
            raise ValueError(f"std must be positive, not {self.std}")

    def apply(self, grey: Any) -> Any:
        """A uint8 tensor (N, H, W) as the float32 tensor (N, channels, height, width)."""
        import torch

        pixels = grey[:, None].to(torch.float32) / 255
        if self.size is not None:
            pixels = torch.nn.functional.interpolate(
                pixels, self.size, mode="bilinear", antialias=True, align_corners=False
            )
        pixels = pixels.expand(-1, self.channels, -1, -1)
        if self.mean is not None:
            pixels = pixels - pixels.new_tensor(self.mean)[:, None, None]
        if self.std is not None:
            pixels = pixels / pixels.new_tensor(self.std)[:, None, None]
        return pixels


class TorchExtractor:
    """Any torch network: a module given in Python, or a TorchScript file (`torch.jit.save`).

    The network takes what `preprocessing` makes and gives (N, d) or (N, d, 1, 1). It runs in
    evaluation mode and without gradients, and a module is left in the mode that it was in.
    name: None for the file's stem or the class's name. device: None for where a module lies, and
    for a file the GPU if torch sees one, else the CPU; a file is loaded on the first use. The
    digest of a module covers its weights and its printed structure, not the code of its `forward`.

    MissingExtraError: torch is not installed. MiuaError: there is no such file, it is none of
    TorchScript, or (from `features`) what the network gives is not one row an image.
    """

    def __init__(
        self,
        model: Any,
        preprocessing: Preprocessing | None = None,
        *,
        name: str | None = None,
        device: str | None = None,
        batch_size: int = BATCH_SIZE,
    ) -> None:
        require_packages("A network of torch", "torch")
        self.preprocessing = preprocessing or Preprocessing()
        self.batch_size = batch_size
        self._device = device
        self._path = Path(model) if isinstance(model, str | Path) else None
        self._network: Any = None  # of a file until its first use
        if self._path is not None:
            _check_torchscript(self._path)
            self._file_sha256 = sha256_file(self._path)
        else:
            import torch

            if not isinstance(model, torch.nn.Module):
                raise TypeError(f"model must be a path or a torch module, not a {type(model)}")
            self._network = model
        self.name = name or (self._path.stem if self._path else type(model).__name__)

    @property
    def sha256(self) -> str:
        # Of a module it is found anew each time, as its weights may have changed since.
        model = self._file_sha256 if self._path else _module_sha256(self._network)
        return hashlib.sha256(f"{model} {self.preprocessing}".encode()).hexdigest()

    def features(self, stack: Grey) -> NDArray[np.float32]:
        """Features (N, d) of grey images (N, H, W); TypeError or ValueError: the stack is none."""
        check_stack(stack)
        if self._network is None and self._path:
            self._network = _load_torchscript(self._path)
            self._device = self._device or default_device()
        device = self._device or _device_of(self._network)
        with _evaluation_mode(self._network.to(device)) as network:
            rows = partial(self._rows, network)
            words = f"Features of {self.name}"
            return features_in_batches(rows, stack, words, device, self.batch_size)

    def _rows(self, network: Any, grey: Any) -> Any:
        """What the network makes of a batch (N, H, W): (N, d), checked."""
        pixels = self.preprocessing.apply(grey)
        try:
            found = network(pixels)
        except (RuntimeError, TypeError, ValueError) as error:
            size = " x ".join(map(str, pixels.shape[1:]))
            raise MiuaError(
                f"The network {self.name} does not take images of {size} (channels x height x "
                f"width): {error}\nGive it the preprocessing that it was trained with."
            ) from error
        shape = getattr(found, "shape", None)
        came = type(found).__name__ if shape is None else f"the shape {tuple(shape)}"
        if shape is None or len(shape) not in (2, 4) or {len(grey), *shape[2:]} - {shape[0], 1}:
            raise MiuaError(
                f"The network {self.name} must give features of shape ({len(grey)}, d) or "
                f"({len(grey)}, d, 1, 1) for {len(grey)} images, but gave {came}. "
                "Wrap it in a module that picks them, such as the pooled layer before the classes."
            )
        if not bool(found.isfinite().all()):
            raise MiuaError(f"The network {self.name} gives features that are not finite.")
        return found.flatten(1)


def check_stack(stack: Grey) -> None:
    """TypeError or ValueError unless the stack holds grey images (N, H, W) of type uint8."""
    if not isinstance(stack, np.ndarray) or stack.dtype != np.uint8:
        raise TypeError("stack must be a numpy array of dtype uint8")
    if stack.ndim != 3 or stack.size == 0:
        raise ValueError(f"stack must have the shape (N, H, W) and images, not {stack.shape}")


def features_in_batches(
    rows: Callable[[Any], Any], stack: Grey, description: str, device: str, batch_size: int
) -> NDArray[np.float32]:
    """What `rows` makes of the stack as uint8 tensors (<= batch_size, H, W) on a device: (N, d)."""
    import torch

    found = []
    with torch.inference_mode(), Progress(description, len(stack), "images") as shown:
        for start in range(0, len(stack), batch_size):
            grey = torch.from_numpy(stack[start : start + batch_size].copy()).to(device)
            found.append(rows(grey).to(torch.float32).cpu().numpy())
            shown.advance(len(grey))
    return np.concatenate(found)


def require_packages(what: str, *packages: str, extra: str = "study") -> None:
    """MissingExtraError naming the first of the packages that is not there; none is loaded."""
    for package in packages:
        if find_spec(package) is None:
            raise MissingExtraError(what, package.replace("_", "-"), extra)


def default_device() -> str:
    """The GPU if torch sees one, else the CPU."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def _check_torchscript(path: Path) -> None:
    """Refuse early, and without torch, what is no TorchScript archive."""
    if not path.is_file():
        raise MiuaError(f"There is no file {path} to take a network from.")
    try:
        with path.open("rb") as file, zipfile.ZipFile(file) as archive:
            names = archive.namelist()
            # torch goes by a file's first bytes, and reads the first member of a name.
            file.seek(0)
            plain = file.read(4) == b"PK\3\4" and len(set(names)) == len(names)
            sources = [name for name in names if name.endswith(".py")]
            plain &= all(archive.getinfo(name).file_size <= MAX_CODE for name in sources)
            code = [archive.read(name).decode(errors="replace") for name in sources if plain]
    # zipfile's own: NotImplementedError for a compression method that it does not know,
    # RuntimeError for a member that is encrypted.
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, OSError):
        names, plain, code = [], False, []
    if not plain or not any(name.endswith("/constants.pkl") for name in names):
        raise _not_torchscript(path)
    if touching := sorted({word for text in code for word in _TOUCHES_FILES.findall(text)}):
        raise MiuaError(
            f"{path} is refused: the network's code uses {', '.join(touching)}, which can read or "
            "write other files. A network that only computes features needs none of that."
        )


def _load_torchscript(path: Path) -> Any:
    # Neither torch.load nor torch.export.load: those unpickle, and so can run a file's own code.
    import torch

    with warnings.catch_warnings():
        # The advice to change to torch.export is for whoever saves a network; here one is read.
        warnings.filterwarnings("ignore", r"`torch\.jit\.\w+` is")
        load: Any = torch.jit.load  # torch has no types for it
        try:
            return load(str(path), map_location="cpu")
        except (RuntimeError, ValueError) as error:
            raise _not_torchscript(path) from error


def _not_torchscript(path: Path) -> MiuaError:
    return MiuaError(
        f"{path} holds no TorchScript network, as torch.jit.save(torch.jit.trace(network, "
        "example), file) writes it. Weights alone and pickled modules are none, and torch.export's "
        ".pt2 is not read, because that can run code from the file. In Python, TorchExtractor "
        "takes the module itself."
    )


@contextmanager
def _evaluation_mode(network: Any) -> Iterator[Any]:
    """Batch statistics and dropout off; each part is put back into its own mode."""
    modes = [(part, part.training) for part in network.modules()]
    for part, _ in modes:
        part.training = False
    try:
        yield network
    finally:
        for part, training in modes:
            part.training = training


def _module_sha256(module: Any) -> str:
    """Of the names, types and values of all parameters and buffers, and of the structure."""
    import torch

    digest = hashlib.sha256(f"{type(module).__qualname__} {module}".encode())
    for name, tensor in (*module.named_parameters(), *module.named_buffers()):
        values = tensor.detach().cpu().contiguous()
        digest.update(f"{name} {values.dtype} {tuple(values.shape)}".encode())
        digest.update(values.flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _device_of(module: Any) -> str:
    tensors = (*module.parameters(), *module.buffers())
    return str(tensors[0].device) if tensors else "cpu"


def check_identity(extractor: FeatureExtractor) -> None:
    """MiuaError unless the extractor's sha256 may be a digest: features are cached by it."""
    given = extractor.sha256
    digest = given.lower() if isinstance(given, str) else ""
    repeats = digest in (digest * 2)[1:-1]  # a shorter text, again and again
    varied = len(set(digest)) >= FEWEST_DIGITS and digest != hashlib.sha256().hexdigest()
    if not re.fullmatch("[0-9a-f]{64}", digest) or repeats or not varied:
        raise MiuaError(
            f"The extractor {extractor.name!r} has no SHA-256 but {given!r}, a placeholder or "
            "another kind of hash. Features are cached by it, so another network with the same one "
            "could be given these features. Give the digest of what decides them, weights and "
            "preprocessing: hashlib.sha256(...).hexdigest() of the file of weights, or of a text "
            "with a version."
        )


def cached_features(
    extractor: FeatureExtractor, stack: Grey, *, cache: bool = True
) -> NDArray[np.float32]:
    """The extractor's features (N, d) of a stack (N, H, W), from the cache if they are there.

    The cache is data_folder()/"features", one file for each stack and extractor (name and sha256);
    a damaged file is made again. cache=False neither reads nor writes it. MiuaError, beside the
    extractor's own errors: its sha256 is a placeholder, it gives anything but a row of finite
    numbers an image, or the cache cannot be written.
    """
    check_stack(stack)
    check_identity(extractor)
    path = None
    if cache:
        done = getattr(extractor, "preprocessing", None)  # where its digest is of weights alone
        done = done if isinstance(done, Preprocessing) else ""
        decides = (CACHE_VERSION, sha256_array(stack), extractor.name, extractor.sha256, str(done))
        path = data_folder() / "features" / hashlib.sha256(repr(decides).encode()).hexdigest()
        if (kept := _read_cache(path)) is not None:
            return kept
    given: Any = extractor.features(stack)  # anyone's class, which may give anything
    if fault := _fault(given, len(stack)):
        raise MiuaError(
            f"The extractor {extractor.name!r} must give a numpy array of shape "
            f"({len(stack)}, d), one row of finite numbers for each image, not {fault}."
        )
    features: NDArray[np.float32] = given
    if path:
        _write_cache(path, features)
    return features


def _fault(given: Any, images: int) -> str:
    """What is wrong with features of so many images, in words; "" if nothing is."""
    if not isinstance(given, np.ndarray):
        return f"an object of the type {type(given).__name__}"
    if given.dtype.kind not in "fiu":
        return f"an array of {given.dtype}"
    if given.ndim != 2 or len(given) != images or given.shape[1] == 0:
        return f"one of shape {given.shape}"
    broken = np.flatnonzero(~np.isfinite(given).all(axis=1))
    if len(broken):
        return (
            f"one in which the rows of {len(broken)} images have NaN or infinite numbers "
            f"(the first: image {broken[0]})"
        )
    return ""


def _read_cache(path: Path) -> NDArray[np.float32] | None:
    """The cached features, or None. The file is a .npy behind the SHA-256 of its bytes, so that any
    damage is noticed; it only costs time."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    if hashlib.sha256(content[32:]).digest() != content[:32]:
        return None
    return np.asarray(np.load(io.BytesIO(content[32:]), allow_pickle=False))


def _write_cache(path: Path, features: NDArray[np.float32]) -> None:
    array = io.BytesIO()
    np.save(array, features, allow_pickle=False)
    content = array.getvalue()
    try:
        with atomic_open(path, "wb") as file:
            file.write(hashlib.sha256(content).digest() + content)
    except OSError as error:
        raise MiuaError(
            f"Cannot write the cache {path} ({error}). "
            "Set MIUA_DATA_DIR to a folder that can be written and has room."
        ) from None
