"""Tree to LLVM IR text: the recipes of the backend's language, one file for each part of C.

``irtext`` builds text, ``memory`` reads and writes C objects, ``places`` finds their addresses,
``core`` adds CO-RE relocations, ``expr``, ``builtins`` and ``stmt`` lower the tree, ``function``
one function, ``constant`` static initialisers, ``debuginfo`` what becomes BTF, ``maps`` and
``module`` the whole.
"""
