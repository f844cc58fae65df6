"""The processes of a training run: which one this is, on which device, and what they agree on."""

import contextlib
import os
import signal
import threading
from collections.abc import Iterator, Sequence

import torch
from torch import distributed


def rank_and_world_size() -> tuple[int, int]:
    """Number of this process and number of processes; (0, 1) where torch.distributed is not in use."""
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_rank(), distributed.get_world_size()
    return 0, 1


@contextlib.contextmanager
def process_group() -> Iterator[None]:
    """Joins the processes that torchrun started (NCCL on GPUs, gloo on CPUs); nothing to do for one alone."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield
        return
    chosen = device()
    if chosen.type == "cuda":
        torch.cuda.set_device(chosen)
    distributed.init_process_group("nccl" if chosen.type == "cuda" else "gloo")
    try:
        yield
    finally:
        distributed.destroy_process_group()


def device() -> torch.device:
    """The device of this process: its GPU by torchrun's LOCAL_RANK, or the CPU where there is none."""
    if torch.cuda.is_available():
        return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    return torch.device("cpu")


def use_available_cores() -> None:
    """Give torch the cores that this process may run on, shared with its neighbours; OMP_NUM_THREADS has precedence.

    torch would take every core of the machine, also in a container or Slurm job that was given a few.
    """
    if "OMP_NUM_THREADS" in os.environ:
        return
    affinity = getattr(os, "sched_getaffinity", None)  # not on macOS
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    torch.set_num_threads(max(1, cores // int(os.environ.get("LOCAL_WORLD_SIZE", "1"))))


def summed(values: Sequence[float], on: torch.device) -> list[float]:
    """Each value summed over all processes, in float64; what one process has is given back as it is."""
    if rank_and_world_size()[1] == 1:
        return list(values)
    # MPS has no float64, but then there is one process and we are not here
    total = torch.tensor(values, dtype=torch.float64, device=on)
    distributed.all_reduce(total)
    return total.tolist()


@contextlib.contextmanager
def sigterm_noted() -> Iterator[threading.Event]:
    """An event that SIGTERM sets instead of ending the process, so that a loop can finish its step and save."""
    noted = threading.Event()
    if threading.current_thread() is not threading.main_thread():  # Python delivers signals to that one alone
        yield noted
        return
    before = signal.signal(signal.SIGTERM, lambda *_: noted.set())
    try:
        yield noted
    finally:
        signal.signal(signal.SIGTERM, before)
