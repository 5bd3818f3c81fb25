"""What we claim about kernels, proved: one case for each claim, run inside each kernel.

Guest side (imports bpfkit): ``case``, ``requires``, ``plugin``, ``triggers``, ``cases/``. Host
side (imports vmlab): ``matrix``, ``report/``. Between them stand only the lines of ``record``.
"""
