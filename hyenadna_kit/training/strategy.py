"""What Lightning is told of the processes of a run."""

from lightning.fabric.plugins.environments.cluster_environment import ClusterEnvironment
from lightning.pytorch.strategies import DDPStrategy, Strategy

from hyenadna_kit.training.processes import Processes


class KnownProcesses(ClusterEnvironment):
    """Processes that have found each other: Lightning neither starts nor looks for any."""

    def __init__(self, processes: Processes) -> None:
        super().__init__()
        self._processes = processes

    @property
    def creates_processes_externally(self) -> bool:
        """True: none is to be started."""
        return True

    @property
    def main_address(self) -> str:
        """Machine of the first process."""
        return self._processes.address

    @property
    def main_port(self) -> int:
        """Port on which all met."""
        return self._processes.port

    @staticmethod
    def detect() -> bool:
        """Leave the choice to who makes one of these."""
        return False

    def world_size(self) -> int:
        """Return the number of processes."""
        return self._processes.count

    def set_world_size(self, size: int) -> None:
        """Leave the number as it is."""

    def global_rank(self) -> int:
        """Return the number of this process."""
        return self._processes.rank

    def set_global_rank(self, rank: int) -> None:
        """Leave the number as it is."""

    def local_rank(self) -> int:
        """Return its number among those of its machine."""
        return self._processes.local_rank

    def node_rank(self) -> int:
        """Return the number of its machine."""
        return self._processes.node_rank


def choose_strategy(processes: Processes) -> Strategy | str:
    """Return how gradients are brought together."""
    if processes.count == 1:
        return "auto"
    # Buckets of gradients that are laid out anew after the first step, as they are without
    # find_unused_parameters, would be summed in another order by a run that was resumed.
    return DDPStrategy(find_unused_parameters=True)
