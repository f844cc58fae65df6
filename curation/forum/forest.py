"""Which thread each post is in, where posts only name what they answer: roots of a forest, by arrays."""

import numpy as np


def roots(ids: np.ndarray, parents: np.ndarray) -> np.ndarray:
    """For each post the index of its thread's first post, or -1 where the way up ends in nothing or in a circle.

    `ids` int64[N] are distinct; `parents` int64[N] are the ids that the posts answer, 0 for one that begins a thread.
    Pointer jumping: every round doubles the steps that are taken up, so depth d takes log2(d) rounds over the arrays
    (Hillis and Steele 1986).
    """
    num_posts = len(ids)
    if not num_posts:
        return np.zeros(0, np.int64)
    order = np.argsort(ids, kind="stable")
    place = np.minimum(np.searchsorted(ids, parents, sorter=order), num_posts - 1)
    above = order[place]
    nowhere = num_posts  # an extra node that answers itself: where the ways of orphans end
    above = np.where(parents == 0, np.arange(num_posts), np.where(ids[above] == parents, above, nowhere))
    above = np.append(above, nowhere)
    for _ in range(num_posts.bit_length()):
        further = above[above]
        if np.array_equal(further, above):
            break
        above = further
    found = above[:num_posts]
    is_root = np.append(parents == 0, False)
    return np.where(is_root[found], found, -1)
