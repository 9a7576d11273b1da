"""Distributed training: one process by default, several with Lightning Fabric.

Each process sees its share of every batch, and gradients are averaged. As a batch depends on the
seed and the step alone, several processes compute what one would with the whole batch.
"""

from __future__ import annotations

import atexit
import copy
import inspect
import os
import subprocess
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from upconv.checks import check_choice, refuse
from upconv.device import announce, described, layout, pick_device, put

STRATEGIES = ("ddp", "fsdp")


class DistributedContext:
    """A single process; :func:`init_distributed` returns one of several."""

    rank, size = 0, 1
    sharded = False  # whether each process holds only part of the weights

    def __init__(self, device: str = "auto") -> None:
        self.device = pick_device(device)

    @property
    def first(self) -> bool:
        """Whether this process writes the files and prints messages."""
        return self.rank == 0

    def shard(self, batch: int) -> slice:
        """Return this process's shard of a batch.

        Raises
        ------
        ValueError
            If the batch cannot be divided equally.
        """
        if batch % self.size:
            got = f"{batch}, expected a multiple of {self.size}, the number of processes"
            raise ValueError(f"batch: got {got}")
        own = batch // self.size
        return slice(self.rank * own, (self.rank + 1) * own)

    def wrap(self, network: nn.Module, precision: str) -> tuple[nn.Module, Callable[..., Any]]:
        """Wrap a network for training: return it on its device, and a callable averaging gradients.

        After training, :meth:`unwrap` copies its weights back into the given network.
        """
        put(network, self.device, layout(network, precision, self.device))
        return network, network

    def unwrap(self, trained: nn.Module, network: nn.Module) -> None:
        """Unwrap: copy trained weights into the network given to :meth:`wrap`."""

    def announce(self, network: nn.Module, precision: str) -> None:
        """Print once how the training runs."""
        if self.first:
            lies = described(layout(network, precision, self.device))
            how = f"{precision}, {lies}, fused optimizer, batches made ahead"
            announce(f"{self.device}: {how}")

    def mean(self, value: Tensor) -> Tensor:
        """Return the mean of a value over all processes."""
        return value

    def any(self, value: bool) -> bool:
        """Whether a value is true in any process; does not wait for a GPU."""
        return value

    def barrier(self) -> None:
        """Wait for all processes."""

    def state(self, part: Any) -> dict[str, Any]:
        """Return the full state of a network or optimizer, gathered if it is sharded."""
        whole: dict[str, Any] = part.state_dict()
        return whole

    def restore(self, part: Any, state: dict[str, Any]) -> None:
        """Load a full state into a network or optimizer."""
        if isinstance(part, torch.optim.Optimizer):
            # Whether steps are fused depends on this run, not on the one that saved the state.
            fused = [{"fused": group.get("fused")} for group in part.param_groups]
            groups = [a | b for a, b in zip(state["param_groups"], fused, strict=True)]
            state = state | {"param_groups": groups}
        part.load_state_dict(state)

    def close(self) -> None:
        """Leave the process group."""


class FabricContext(DistributedContext):
    """One process of a launched ``Fabric``."""

    def __init__(self, fabric: Any, sharded: bool) -> None:
        self.fabric, self.sharded = fabric, sharded
        self.rank, self.size, self.device = fabric.global_rank, fabric.world_size, fabric.device
        # Processes agree by way of their CPUs: a GPU's answer would have to wait for its work.
        self._hosts = torch.distributed.new_group(backend="gloo")

    def wrap(self, network: nn.Module, precision: str) -> tuple[nn.Module, Callable[..., Any]]:
        network = copy.deepcopy(network)
        if self.device.type == "cuda":
            # Statistics of the whole batch, not of each shard. PyTorch has none for CPUs.
            network = nn.SyncBatchNorm.convert_sync_batchnorm(network)
        # FSDP requires contiguous weights.
        chosen = layout(network, precision, self.device)
        chosen = torch.contiguous_format if self.sharded else chosen
        put(network, self.device, chosen)
        return network, self.fabric.setup_module(network)

    def unwrap(self, trained: nn.Module, network: nn.Module) -> None:
        network.to(self.device)
        network.load_state_dict(self.state(trained))

    def mean(self, value: Tensor) -> Tensor:
        mean: Tensor = self.fabric.all_reduce(value.detach(), reduce_op="mean")
        return mean

    def any(self, value: bool) -> bool:
        votes = torch.tensor([float(value)])
        torch.distributed.all_reduce(votes, torch.distributed.ReduceOp.MAX, group=self._hosts)
        return bool(votes.item())

    def barrier(self) -> None:
        torch.distributed.barrier(group=self._hosts)

    def state(self, part: Any) -> dict[str, Any]:
        whole: dict[str, Any] = _assembled(part.state_dict())
        return whole

    def restore(self, part: Any, state: dict[str, Any]) -> None:
        if self.sharded and isinstance(part, nn.Module):
            like = part.state_dict()
            state = {name: _cut_like(value, like.get(name)) for name, value in state.items()}
        elif self.sharded and isinstance(part, torch.optim.Optimizer):
            like = [weight for group in part.param_groups for weight in group["params"]]
            moments = {
                number: {name: _cut_like(value, like[number]) for name, value in found.items()}
                for number, found in state["state"].items()
            }
            state = state | {"state": moments}
        super().restore(part, state)

    def close(self) -> None:
        torch.distributed.destroy_process_group()


def _assembled(state: Any) -> Any:
    """Return a state with full tensors in CPU memory."""
    if isinstance(state, dict):
        return {name: _assembled(value) for name, value in state.items()}
    if isinstance(state, list | tuple):
        return type(state)(_assembled(value) for value in state)
    if isinstance(state, Tensor):
        whole = getattr(state, "full_tensor", None)
        return (whole() if whole else state).detach().cpu()
    return state


def _cut_like(value: Any, like: Any) -> Any:
    """Shard a full tensor like another one, if the shapes agree."""
    if not hasattr(like, "full_tensor") or getattr(value, "shape", None) != like.shape:
        return value
    from torch.distributed.tensor import distribute_tensor

    return distribute_tensor(value.to(like.device), like.device_mesh, like.placements)


def init_distributed(
    devices: int = 1, nodes: int = 1, strategy: str = "ddp", device: str = "auto"
) -> DistributedContext:
    """Start the other processes of this machine, and connect to those of other machines.

    Each new process of this machine reruns the same command up to this call. If ``torchrun`` or
    Slurm has already started all processes, no more are started.

    Parameters
    ----------
    devices
        Processes on each machine: one for each GPU, or any number on CPUs.
    nodes
        Number of machines.
    strategy
        "ddp": every process holds the whole network. "fsdp": each holds a shard of all weights and
        moments, for networks too large for one device.

    Raises
    ------
    ValueError
        If the strategy or device is unknown, ``devices`` exceeds the available GPUs or differs from
        the processes that ``torchrun`` has started, or Lightning Fabric is not installed.
    """
    check_choice("strategy", strategy, STRATEGIES)
    where = pick_device(device)
    started = int(os.environ.get("WORLD_SIZE", devices * nodes))
    if started != devices * nodes:
        expected = f"a total of {started} processes, as started"
        refuse("devices", f"{devices} on {nodes} machines", expected)
    if devices * nodes == 1:
        return DistributedContext(device)
    there = torch.cuda.device_count()
    if where.type == "cuda" and devices > there:
        refuse("devices", devices, f"at most the {there} GPUs of this machine")
    try:
        from lightning_fabric import Fabric
        from lightning_fabric.strategies.ddp import DDPStrategy
        from lightning_fabric.strategies.model_parallel import ModelParallelStrategy
    except ImportError as error:
        needed = "more than one process needs Lightning Fabric: pip install 'upconv[scale]'"
        raise ValueError(f"devices: {needed}") from error
    if strategy == "fsdp":
        chosen = ModelParallelStrategy(
            _shard,
            data_parallel_size=devices * nodes,
            tensor_parallel_size=1,
            save_distributed_checkpoint=False,
        )
    else:
        # A discriminator is called twice per update: its buffers must not change in between.
        names = inspect.signature(nn.parallel.DistributedDataParallel).parameters
        new = "forward_sync_buffers"  # its name since PyTorch 2.13
        still: dict[str, Any] = {new if new in names else "broadcast_buffers": False}
        chosen = DDPStrategy(**still)
    fabric = Fabric(accelerator=where.type, devices=devices, num_nodes=nodes, strategy=chosen)
    atexit.register(_end_others, fabric)
    fabric.launch()
    return FabricContext(fabric, strategy == "fsdp")


def _end_others(fabric: Any) -> None:
    """End the processes that this one started and that wait for it, if it ended early."""
    for process in getattr(fabric.strategy.launcher, "procs", ()):
        try:
            process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _shard(network: nn.Module, mesh: Any) -> nn.Module:
    from torch.distributed.fsdp import fully_shard

    # Cropped logits are views; they are never written to.
    warnings.filterwarnings("ignore", message="FSDP2-wrapped module .* returned a view")
    # Layer by layer, so that only one is gathered at a time; small ones are grouped.
    for layer in network.modules():
        weight = getattr(layer, "weight", None)
        if isinstance(weight, Tensor) and weight.numel() > 1000:
            fully_shard(layer, mesh=mesh["data_parallel"])
    fully_shard(network, mesh=mesh["data_parallel"])
    return network
