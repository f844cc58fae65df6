"""Documents in, packed rows out: BPE, token shards, mixture, packing."""
