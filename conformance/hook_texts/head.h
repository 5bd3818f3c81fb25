/* What stands before every text here: COUNT(i) counts how often it is passed. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

char LICENSE[] SEC("license") = "GPL";
long hits[64];
#define COUNT(i) __sync_fetch_and_add(&hits[i], 1)

