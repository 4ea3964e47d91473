import random


def set_random_seed(seed: int, by_rank: bool = False) -> None:
    random.seed(seed)
