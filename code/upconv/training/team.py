"""The processes that train one network together: one by default, several by Lightning Fabric.

Each sees its share of every batch; gradients are averaged over all. As a batch is drawn from the
seed and the step alone, several processes do what one would do with the whole batch.
"""

from __future__ import annotations

import copy
import inspect
import os
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from upconv.checks import check_choice, refuse
from upconv.device import announce, described, layout, pick_device, put

STRATEGIES = ("ddp", "fsdp")


class Team:
    """One process, which does everything itself; :func:`launch` makes it one of several."""

    rank, size = 0, 1
    sharded = False  # whether each process holds a part of the weights only

    def __init__(self, device: str = "auto") -> None:
        self.device = pick_device(device)

    @property
    def first(self) -> bool:
        """Whether this process writes the files and speaks to the person."""
        return self.rank == 0

    def share(self, batch: int) -> slice:
        """Which images of a batch are this process's own.

        Raises
        ------
        ValueError
            If the batch cannot be shared equally.
        """
        if batch % self.size:
            got = f"{batch}, expected a multiple of the {self.size} processes"
            raise ValueError(f"batch: got {got}")
        own = batch // self.size
        return slice(self.rank * own, (self.rank + 1) * own)

    def join(self, network: nn.Module, precision: str) -> tuple[nn.Module, Callable[..., Any]]:
        """The network to train, on its device, and how to call it so that gradients are averaged.

        Once it is trained, :meth:`leave` brings its weights back into the one that was given.
        """
        put(network, self.device, layout(network, precision, self.device))
        return network, network

    def leave(self, trained: nn.Module, network: nn.Module) -> None:
        """Put trained weights into the network that :meth:`join` was given."""

    def announce(self, network: nn.Module, precision: str) -> None:
        """Say once what makes the training fast."""
        if self.first:
            lies = described(layout(network, precision, self.device))
            how = f"{precision}, {lies}, fused optimizer, batches made ahead"
            announce(f"{self.device}: {how}")

    def mean(self, value: Tensor) -> Tensor:
        """The mean of a value over all processes."""
        return value

    def state(self, part: Any) -> dict[str, Any]:
        """The whole state of a network or optimiser, also where each process holds a part."""
        whole: dict[str, Any] = part.state_dict()
        return whole

    def restore(self, part: Any, state: dict[str, Any]) -> None:
        """Put a whole state into a network or optimiser."""
        if isinstance(part, torch.optim.Optimizer):
            # How it is computed is this team's own, not the other's that saved it.
            fused = [{"fused": group.get("fused")} for group in part.param_groups]
            groups = [a | b for a, b in zip(state["param_groups"], fused, strict=True)]
            state = state | {"param_groups": groups}
        part.load_state_dict(state)

    def close(self) -> None:
        """Part from the others: what comes after is this process's own."""


class Several(Team):
    """The processes of a launched ``Fabric``, this one among them."""

    def __init__(self, fabric: Any, sharded: bool) -> None:
        self.fabric, self.sharded = fabric, sharded
        self.rank, self.size, self.device = fabric.global_rank, fabric.world_size, fabric.device

    def join(self, network: nn.Module, precision: str) -> tuple[nn.Module, Callable[..., Any]]:
        network = copy.deepcopy(network)
        if self.device.type == "cuda":
            # Of the whole batch, not of each share. PyTorch has none for processors.
            network = nn.SyncBatchNorm.convert_sync_batchnorm(network)
        # FSDP takes weights in their plain order only.
        chosen = layout(network, precision, self.device)
        chosen = torch.contiguous_format if self.sharded else chosen
        put(network, self.device, chosen)
        return network, self.fabric.setup_module(network)

    def leave(self, trained: nn.Module, network: nn.Module) -> None:
        network.to(self.device)
        network.load_state_dict(self.state(trained))

    def mean(self, value: Tensor) -> Tensor:
        mean: Tensor = self.fabric.all_reduce(value.detach(), reduce_op="mean")
        return mean

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
    """A state with its tensors whole, in the processor's memory."""
    if isinstance(state, dict):
        return {name: _assembled(value) for name, value in state.items()}
    if isinstance(state, list | tuple):
        return type(state)(_assembled(value) for value in state)
    if isinstance(state, Tensor):
        whole = getattr(state, "full_tensor", None)
        return (whole() if whole else state).detach().cpu()
    return state


def _cut_like(value: Any, like: Any) -> Any:
    """A whole tensor shared out as another is, where shapes agree."""
    if not hasattr(like, "full_tensor") or getattr(value, "shape", None) != like.shape:
        return value
    from torch.distributed.tensor import distribute_tensor

    return distribute_tensor(value.to(like.device), like.device_mesh, like.placements)


def launch(devices: int = 1, nodes: int = 1, strategy: str = "ddp", device: str = "auto") -> Team:
    """Start the other processes of this machine, and meet those of other machines.

    The same command runs anew in each process of this machine, up to here. Where ``torchrun`` or
    Slurm have started all processes, none is started.

    Parameters
    ----------
    devices
        Processes on each machine: one for each GPU, or any number on processors.
    nodes
        Machines.
    strategy
        "ddp": every process holds the network. "fsdp": each holds a part of all weights and
        moments, for networks too large for one device.

    Raises
    ------
    ValueError
        For an unknown strategy or device, more devices than there are, another number than
        ``torchrun`` has started, or if Lightning Fabric is not installed.
    """
    check_choice("strategy", strategy, STRATEGIES)
    where = pick_device(device)
    started = int(os.environ.get("WORLD_SIZE", devices * nodes))
    if started != devices * nodes:
        expected = f"as many as the {started} processes that were started"
        refuse("devices", f"{devices} on {nodes} machines", expected)
    if devices * nodes == 1:
        return Team(device)
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
        # A discriminator is called twice between two updates: its buffers must not change then.
        names = inspect.signature(nn.parallel.DistributedDataParallel).parameters
        new = "forward_sync_buffers"  # its name since PyTorch 2.13
        still: dict[str, Any] = {new if new in names else "broadcast_buffers": False}
        chosen = DDPStrategy(**still)
    fabric = Fabric(accelerator=where.type, devices=devices, num_nodes=nodes, strategy=chosen)
    fabric.launch()
    return Several(fabric, strategy == "fsdp")


def _shard(network: nn.Module, mesh: Any) -> nn.Module:
    from torch.distributed.fsdp import fully_shard

    # Logits are a view where they are cropped; nothing writes into them.
    warnings.filterwarnings("ignore", message="FSDP2-wrapped module .* returned a view")
    # Layer by layer, so that only one is whole at a time; what is small goes together.
    for layer in network.modules():
        weight = getattr(layer, "weight", None)
        if isinstance(weight, Tensor) and weight.numel() > 1000:
            fully_shard(layer, mesh=mesh["data_parallel"])
    fully_shard(network, mesh=mesh["data_parallel"])
    return network
