"""K-mers and containment by the definition: strings, sets and every pair of windows."""

from itertools import combinations

from Bio.Seq import Seq

LETTERS = {7: "A", 8: "C", 9: "G", 10: "T", 11: "N"}


def text(tokens):
    """Return the bases of token ids; special tokens are ``#``."""
    return "".join(LETTERS.get(token, "#") for token in tokens.tolist())


def canonical(kmer):
    """Return the first in the alphabet of a k-mer and its reverse complement."""
    return min(kmer, str(Seq(kmer).reverse_complement()))


def kmer_sets(windows, k):
    """Return the k-mers of each window, without those that hold more than A, C, G and T."""
    sets = []
    for window in map(text, windows):
        kmers = (window[i : i + k] for i in range(len(window) - k + 1))
        sets.append({canonical(kmer) for kmer in kmers if set(kmer) <= set("ACGT")})
    return sets


def containments(windows, k, max_windows=10**9):
    """Return the containment of every pair ``(one, other)``, one before the other.

    The rules are those of docs/splits.md, with all k-mers instead of a sample.
    """
    sets = kmer_sets(windows, k)
    counts = {}
    # Windows that are equal, on either strand, count as one.
    for kmers in {
        canonical(text(window)): kmers for window, kmers in zip(windows, sets, strict=True)
    }.values():
        for kmer in kmers:
            counts[kmer] = counts.get(kmer, 0) + 1
    rare = [{kmer for kmer in kmers if counts[kmer] <= max_windows} for kmers in sets]
    sizes = [max(len(few), len(all_) / 2) for few, all_ in zip(rare, sets, strict=True)]
    found = {}
    for one, other in combinations(range(len(windows)), 2):
        size, shared = min(sizes[one], sizes[other]), len(rare[one] & rare[other])
        found[one, other] = shared / size if shared and shared >= min(4, size) else 0.0
        if sets[one] and canonical(text(windows[one])) == canonical(text(windows[other])):
            found[one, other] = 1.0
    return found


def groups(num_nodes, edges):
    """Return the sets of nodes that edges connect, by following them one by one."""
    neighbours = {node: set() for node in range(num_nodes)}
    for one, other in edges:
        neighbours[one].add(other)
        neighbours[other].add(one)
    found, seen = [], set()
    for node in range(num_nodes):
        if node not in seen:
            group, pending = set(), [node]
            while pending:
                member = pending.pop()
                if member not in group:
                    group.add(member)
                    pending += neighbours[member]
            seen |= group
            found.append(frozenset(group))
    return set(found)
