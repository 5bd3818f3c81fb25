"""BTF: types as a graph, decoded, encoded, laid out, relocated and printed as C."""
