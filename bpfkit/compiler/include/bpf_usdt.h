/* <bpf/usdt.bpf.h> */
